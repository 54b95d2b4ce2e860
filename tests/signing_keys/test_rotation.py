import asyncio
import base64
import json
import logging
import random
import tempfile
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import text

from app.foundation.db import DatabaseUnavailable
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys import store
from app.signing_keys.errors import InvalidToken, OverlapTooShort, RotationConflict
from app.signing_keys.rotate import Rotation
from tests.signing_keys.support import ISSUER, Wire, execute, kid_of, rotate, until

pytestmark = pytest.mark.anyio


def signed(deployment, keys, algorithm=Algorithm.RS256, **changes):
    return keys.sign(deployment.claims(**changes), algorithm=algorithm, typ="at+jwt")


async def accepted(keys, token):
    await keys.verify(token, typ="at+jwt", issuer=ISSUER)
    return True


def published(keys):
    return [key["kid"] for key in json.loads(keys.jwks())["keys"]]


async def test_the_next_key_signs_the_former_one_verifies_and_a_new_next_one_is_published(deployment):
    keys = await deployment.process()
    former, following = await deployment.states()
    deployment.pass_time(60)
    before = signed(deployment, keys)
    rotation = await rotate(keys)
    assert await deployment.states() == {former: "retiring", following: "active", rotation.next_kid: "next"}
    assert (rotation.former_kid, rotation.active_kid) == (former, following)
    assert (kid_of(before), kid_of(signed(deployment, keys))) == (former, following)
    assert await accepted(keys, before)
    assert set(published(keys)) == {former, following, rotation.next_kid}


async def test_a_rotation_is_recorded_with_who_did_it_and_which_keys(deployment):
    keys = await deployment.process()
    rotation = await rotate(keys)
    (entry,) = await deployment.events("signing_key.rotated")
    assert (entry["actor_kind"], entry["actor_id"], entry["outcome"]) == ("operator", "root", "success")
    details = entry["details"]
    assert (details["algorithm"], details["forced"]) == ("RS256", False)
    kids = [details[name] for name in ("former_kid", "active_kid", "next_kid")]
    assert kids == [rotation.former_kid, rotation.active_kid, rotation.next_kid]
    assert abs((datetime.fromisoformat(details["retires_at"]) - rotation.retires_at).total_seconds()) < 0.001


async def test_only_the_named_algorithm_rotates(deployment):
    keys = await deployment.process()
    await keys.ensure(Algorithm.ES256)
    rs256 = await deployment.states()
    rotation = await rotate(keys, algorithm=Algorithm.ES256)
    assert rotation.algorithm is Algorithm.ES256
    assert sorted((await deployment.states("ES256")).values()) == ["active", "next", "retiring"]
    assert await deployment.states() == rs256


@pytest.mark.attack("KEY-01")
async def test_the_old_key_verifies_until_the_overlap_ends_and_then_leaves_for_good(deployment):
    keys = await deployment.process()
    before = signed(deployment, keys, exp=int(deployment.clock.now().timestamp()) + 3600)
    rotation = await rotate(keys)
    assert rotation.overlap_seconds == 900
    deployment.pass_time(895)
    await keys.refresh()
    assert await accepted(keys, before)
    deployment.pass_time(10)
    await keys.refresh()
    with pytest.raises(InvalidToken):
        await accepted(keys, before)
    assert rotation.former_kid not in published(keys)
    assert (await deployment.states())[rotation.former_kid] == "retired"
    retired = await deployment.rows(f"SELECT * FROM signing_keys WHERE kid = '{rotation.former_kid}'")
    assert retired[0]["private_key"] == b""
    assert retired[0]["retired_at"] is not None


async def test_several_processes_retire_a_key_once(deployment):
    processes = [await deployment.process() for _ in range(4)]
    rotation = await rotate(processes[0])
    for keys in processes:
        await keys.refresh()
    deployment.pass_time(1000)
    await asyncio.gather(*(keys.refresh() for keys in processes))
    retired = await deployment.events("signing_key.retired")
    assert [entry["details"]["kid"] for entry in retired] == [rotation.former_kid]
    assert all(rotation.former_kid not in published(keys) for keys in processes)


@pytest.mark.attack("KEY-01")
async def test_a_process_that_has_not_read_the_rotation_signs_with_the_former_key_which_verifies(deployment):
    ahead, behind = await deployment.process(), await deployment.process()
    deployment.pass_time(60)
    rotation = await rotate(ahead)
    late = signed(deployment, behind)
    assert kid_of(late) == rotation.former_kid
    assert await accepted(ahead, late)
    assert await accepted(behind, signed(deployment, ahead))


@pytest.mark.attack("KEY-02")
async def test_a_key_published_a_moment_ago_waits_before_it_signs(deployment):
    keys = await deployment.process()
    deployment.pass_time(60)
    first = await rotate(keys)
    second = await rotate(keys)
    assert kid_of(signed(deployment, keys)) == first.active_kid
    deployment.pass_time(3)
    await keys.refresh()
    assert kid_of(signed(deployment, keys)) == second.active_kid == first.next_kid


async def test_a_process_reads_the_key_set_before_it_refuses_an_unknown_key(deployment):
    keys, other = await deployment.process(), await deployment.process()
    deployment.pass_time(60)
    await rotate(keys)
    await rotate(keys)
    deployment.pass_time(3)
    await keys.refresh()
    token = signed(deployment, keys)
    assert kid_of(token) not in published(other)
    assert await accepted(other, token)


class Downstream:
    """A service that keeps a copy of the published keys and asks again for one it does not know, any process."""

    def __init__(self, processes) -> None:
        self._processes = processes
        self._kids = set(published(random.choice(processes)))

    def accepts(self, token) -> bool:
        if kid_of(token) not in self._kids:
            self._kids = set(published(random.choice(self._processes)))
        return kid_of(token) in self._kids


@pytest.mark.attack("KEY-01")
@pytest.mark.attack("KEY-02")
async def test_rotations_under_load_refuse_no_honest_token(deployment):
    processes = [await deployment.process() for _ in range(4)]
    services = [Downstream(processes) for _ in range(5)]
    polls = []
    for keys in processes:
        polls.append(asyncio.create_task(keys.poll()))
        # No two processes read the key set at the same moment.
        await asyncio.sleep(0.25)
    refused, seen, numbers, over = [], set(), count(), asyncio.Event()

    async def sign_in_and_call(keys):
        recent = []
        while not over.is_set():
            token = signed(deployment, keys, jti=str(next(numbers)))
            seen.add(kid_of(token))
            recent = [*recent[-20:], token]
            for carried in (token, random.choice(recent)):
                refused.extend(carried for service in services if not service.accepts(carried))
                try:
                    await accepted(random.choice(processes), carried)
                except InvalidToken:
                    refused.append(carried)
            await asyncio.sleep(0.01)

    load = [asyncio.create_task(sign_in_and_call(keys)) for keys in processes]
    operator = await deployment.process()
    done = [await rotate(operator), await rotate(operator)]
    await until(lambda: done[-1].active_kid in seen)
    done += [await rotate(operator), await rotate(operator)]
    await until(lambda: all(kid_of(signed(deployment, keys)) == done[-1].active_kid for keys in processes))
    over.set()
    await asyncio.gather(*load)
    for poll in polls:
        poll.cancel()
    assert next(numbers) > 500
    assert done[-1].active_kid in seen
    assert refused == []
    assert list((await deployment.states()).values()).count("active") == 1


async def test_of_rotations_at_once_one_wins_and_the_others_change_nothing(deployment):
    processes = [await deployment.process() for _ in range(4)]
    async with deployment.database().transaction() as tx:
        # All four are held at the lock, having seen the same keys, and then let go together.
        await store.lock(tx)
        rotations = [asyncio.create_task(rotate(keys)) for keys in processes]
        while await tx.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")) < 4:
            await asyncio.sleep(0.01)
    results = await asyncio.gather(*rotations, return_exceptions=True)
    lost = [result for result in results if isinstance(result, RotationConflict)]
    assert [type(result) for result in results].count(Rotation) == 1
    assert len(lost) == 3
    assert (lost[0].status, lost[0].code) == (409, "rotation_conflict")
    assert sorted((await deployment.states()).values()) == ["active", "next", "retiring"]
    assert len(await deployment.events("signing_key.rotated")) == 1


@pytest.mark.attack("KEY-01")
@pytest.mark.parametrize(("overlap", "longest"), [(0, 600), (869, 600), (900, 3600), (3869, 3600)])
async def test_an_overlap_that_would_refuse_honest_tokens_is_refused_and_the_least_one_is_named(
    deployment, overlap, longest
):
    keys = await deployment.process()
    before = await deployment.states()
    with pytest.raises(OverlapTooShort, match=f"At least {longest + 270} seconds") as refused:
        await rotate(keys, overlap_seconds=overlap, longest_token_seconds=longest)
    assert (refused.value.status, refused.value.code) == (422, "overlap_too_short")
    assert await deployment.states() == before
    assert await deployment.events("signing_key.rotated") == []


async def test_the_least_overlap_is_accepted(deployment):
    keys = await deployment.process()
    assert (await rotate(keys, overlap_seconds=870)).overlap_seconds == 870


async def test_the_default_overlap_grows_with_the_longest_token(deployment):
    keys = await deployment.process()
    assert (await rotate(keys, longest_token_seconds=3600)).overlap_seconds == 3870


@pytest.mark.attack("KEY-02")
async def test_a_forced_rotation_without_overlap_refuses_the_former_keys_tokens(deployment):
    keys = await deployment.process()
    before = signed(deployment, keys)
    rotation = await rotate(keys, overlap_seconds=0, force=True)
    await keys.refresh()
    assert kid_of(signed(deployment, keys)) == rotation.active_kid
    with pytest.raises(InvalidToken):
        await accepted(keys, before)
    (entry,) = await deployment.events("signing_key.rotated")
    assert entry["details"]["forced"] is True


@pytest.mark.parametrize("force", [True, False])
async def test_a_negative_overlap_is_refused_also_by_force(deployment, force):
    keys = await deployment.process()
    with pytest.raises(OverlapTooShort):
        await rotate(keys, overlap_seconds=-1, force=force)


async def test_the_database_admits_no_second_active_key(deployment):
    await deployment.process()
    with pytest.raises(Exception, match="uq_signing_keys_active"):
        await execute(deployment.url, "UPDATE signing_keys SET state = 'active'")


async def test_the_last_reading_serves_while_the_database_is_away(deployment, caplog):
    caplog.set_level(logging.WARNING, "app.signing_keys")
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(Path(folder), deployment.url)
        await wire.mend()
        other = await deployment.process()
        deployment.url, direct = wire.url, deployment.url
        keys = await deployment.process()
        deployment.url = direct
        poll = asyncio.create_task(keys.poll())
        await wire.cut()
        await until(lambda: "the last reading serves" in caplog.text)
        await until(lambda: keys._look_failure is not None)
        assert await accepted(keys, signed(deployment, keys))
        unknown = signed(deployment, other).split(".")
        header = {"alg": "RS256", "kid": "a" * 43, "typ": "at+jwt"}
        unknown[0] = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        # Whether the key is ours cannot be told now: that is no refusal of the token.
        with pytest.raises(DatabaseUnavailable):
            await accepted(keys, ".".join(unknown))
        rotation = await rotate(other)
        await wire.mend()
        await until(lambda: rotation.next_kid in published(keys))
        assert len([record for record in caplog.records if "last reading" in record.message]) == 1
        poll.cancel()
        with suppress(asyncio.CancelledError):
            await poll
        await wire.cut()


async def test_a_start_while_the_database_is_away_is_made_up_for(deployment):
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(Path(folder), deployment.url)
        deployment.url = wire.url
        keys = await deployment.process(loaded=False)
        with pytest.raises(DatabaseUnavailable):
            await keys.load()
        assert not keys.is_ready
        poll = asyncio.create_task(keys.poll())
        await wire.mend()
        await until(lambda: keys.is_ready)
        poll.cancel()
        await wire.cut()
