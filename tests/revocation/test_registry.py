"""Whatever ends, its revocation is written in the transaction that ends it."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import text

from app.audit.event import SYSTEM
from app.revocation.kinds import RevocationKind, effective_at
from app.services import startup_origin
from app.wiring import Services
from tests.support import People, bearer, claims_of, suspend

pytestmark = pytest.mark.anyio


async def written(services: Services) -> list[tuple[str, str, str]]:
    async with services.db.transaction() as tx:
        rows = await tx.execute(text("SELECT kind, target, reason FROM revocations ORDER BY id"))
        return [tuple(row) for row in rows]


async def test_logging_out_revokes_the_session(services: Services, api: httpx2.AsyncClient, people: People) -> None:
    tokens = await people.signed_in()
    assert (await api.post("/auth/logout", headers=bearer(tokens))).status_code == 204
    sid = claims_of(tokens["access_token"])["sid"]
    assert await written(services) == [("sid", sid, "logout")]
    async with services.db.transaction() as tx:
        row = (await tx.execute(text("SELECT at, expires_at, seq FROM revocations"))).one()
    assert row.expires_at - row.at >= timedelta(seconds=660)
    assert row.seq is None


async def test_logging_out_everywhere_revokes_every_session(
    services: Services, api: httpx2.AsyncClient, people: People
) -> None:
    tokens = [await people.signed_in(), await people.log_in(), await people.log_in()]
    answer = await api.post("/auth/logout", headers=bearer(tokens[0]), json={"everywhere": True})
    assert answer.status_code == 204
    sids = {claims_of(each["access_token"])["sid"] for each in tokens}
    assert {target for _, target, _ in await written(services)} == sids


async def test_a_spent_refresh_token_that_comes_back_revokes_its_session(
    services: Services, api: httpx2.AsyncClient, people: People
) -> None:
    tokens = await people.signed_in()
    spent = {"refresh_token": tokens["refresh_token"]}
    assert (await api.post("/auth/refresh", json=spent)).status_code == 200
    services.clock.offset += timedelta(seconds=30)
    assert (await api.post("/auth/refresh", json=spent)).status_code == 401
    sid = claims_of(tokens["access_token"])["sid"]
    assert await written(services) == [("sid", sid, "refresh_token_reused")]


async def test_suspending_a_user_revokes_the_sessions_and_the_subject(services: Services, people: People) -> None:
    tokens = await people.signed_in()
    claims = claims_of(tokens["access_token"])
    await suspend(services, claims["sub"])
    assert await written(services) == [
        ("sid", claims["sid"], "user_suspended"),
        ("sub", claims["sub"], "user_suspended"),
    ]


async def test_what_is_rolled_back_revokes_nothing_and_wakes_nobody(services: Services) -> None:
    class GivenUp(Exception):
        pass

    async def give_up() -> None:
        async with services.db.transaction() as tx:
            await services.revocations.add(tx, RevocationKind.SID, "s", reason="test")
            raise GivenUp

    with pytest.raises(GivenUp):
        await give_up()
    async with services.db.transaction():
        pass
    assert await written(services) == []
    assert not services.wake.is_woken
    async with services.db.transaction() as tx:
        await services.revocations.add(tx, RevocationKind.SID, "s", reason="test")
        assert not services.wake.is_woken
    assert services.wake.is_woken


@pytest.mark.spec("contract section 8")
def test_where_the_time_of_issue_decides_the_moment_is_the_next_whole_second() -> None:
    now = datetime(2026, 11, 21, 12, 0, 0, 400_000, UTC)
    whole = datetime(2026, 11, 21, 12, 0, 1, tzinfo=UTC)
    for kind in RevocationKind:
        assert effective_at(kind, now) == (whole if kind in {"sub", "client_id", "aud"} else now)
    # A token of the very same second bears that second.
    assert effective_at(RevocationKind.SUB, whole) == whole + timedelta(seconds=1)


async def test_an_unknown_kind_is_refused_by_the_table_itself(services: Services) -> None:
    async with services.db.transaction() as tx:
        kinds = await tx.scalar(
            text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_revocations_kind'")
        )
    assert all(f"'{kind}'" in kinds for kind in RevocationKind)


async def test_who_is_reactivated_at_once_gets_tokens_that_the_revocation_does_not_match(
    services: Services, people: People
) -> None:
    sub = claims_of((await people.signed_in())["access_token"])["sub"]
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
    assert user is not None
    await suspend(services, sub)
    await services.lifecycle.reactivate(user.id, actor=SYSTEM, origin=startup_origin())
    issued = claims_of((await people.log_in())["access_token"])["iat"]
    async with services.db.transaction() as tx:
        at = await tx.scalar(text("SELECT at FROM revocations WHERE kind = 'sub'"))
    assert issued >= at.timestamp()
