import asyncio
import os
import subprocess
import sys

import pytest

from app.foundation.encryption import Keyring
from app.foundation.errors import StartupRefused
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys.errors import NoSigningKey
from app.signing_keys.settings import KeySettings
from tests.signing_keys.support import ISSUER, KEYRING_VARIABLE, execute, rotate

pytestmark = pytest.mark.anyio

# What a second process on another connection does at start: load, and say what it publishes.
START = """
import asyncio, base64, os, sys
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.encryption import Keyring, parse_keys
from app.signing_keys.service import SigningKeys
from app.signing_keys.settings import KeySettings

async def main():
    clock, db = Clock(), Database(sys.argv[1], pool_size=2)
    keyring = Keyring(parse_keys(os.environ["KEYRING"]))
    keys = SigningKeys(db, clock, keyring, AuditLog(clock), KeySettings())
    print("up", flush=True)
    sys.stdin.readline()
    await keys.load()
    print(keys.jwks().decode())
    await db.close()

asyncio.run(main())
"""


async def test_an_empty_database_gets_one_active_and_one_next_key(deployment):
    keys = await deployment.process()
    assert sorted((await deployment.states()).values()) == ["active", "next"]
    assert await deployment.states("ES256") == {}
    assert keys.is_ready
    created = await deployment.events("signing_key.created")
    assert {(entry["actor_kind"], entry["details"]["imported"]) for entry in created} == {("system", False)}
    assert [entry["details"]["kid"] for entry in created] == list(await deployment.states())


async def test_rs256_keys_exist_beside_another_default(deployment):
    keys = await deployment.process(KeySettings(algorithm=Algorithm.EDDSA))
    assert len(await deployment.states()) == len(await deployment.states("EdDSA")) == 2
    assert keys.is_ready


async def test_a_second_start_finds_the_keys_of_the_first(deployment):
    first = await deployment.process()
    second = await deployment.process()
    assert second.jwks() == first.jwks()
    assert second.jwks_etag == first.jwks_etag
    assert len(await deployment.states()) == 2


@pytest.mark.attack("KEY-05")
async def test_five_starts_at_once_on_an_empty_database_make_one_key_set(deployment):
    processes = [await deployment.process(loaded=False) for _ in range(5)]
    await asyncio.gather(*(keys.load() for keys in processes))
    assert sorted((await deployment.states()).values()) == ["active", "next"]
    assert len({keys.jwks() for keys in processes}) == 1
    token = processes[0].sign(deployment.claims(), algorithm=Algorithm.RS256, typ="at+jwt")
    for keys in processes:
        await keys.verify(token, typ="at+jwt", issuer=ISSUER)


@pytest.mark.attack("KEY-05")
async def test_two_processes_started_at_the_same_moment_serve_the_same_jwks(deployment):
    environment = os.environ | {"KEYRING": KEYRING_VARIABLE}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", START, deployment.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(2)
    ]
    for process in started:
        assert process.stdout.readline() == "up\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [(await asyncio.to_thread(process.communicate))[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert printed[0] == printed[1]
    assert sorted((await deployment.states()).values()) == ["active", "next"]


async def test_the_keys_of_an_algorithm_are_made_when_they_are_first_needed(deployment):
    keys, other = await deployment.process(), await deployment.process()
    with pytest.raises(NoSigningKey):
        keys.sign({}, algorithm=Algorithm.ES256, typ="at+jwt")
    await asyncio.gather(keys.ensure(Algorithm.ES256), other.ensure(Algorithm.ES256))
    assert sorted((await deployment.states("ES256")).values()) == ["active", "next"]
    token = keys.sign(deployment.claims(), algorithm=Algorithm.ES256, typ="at+jwt")
    await other.verify(token, typ="at+jwt", issuer=ISSUER)
    again = await deployment.process()
    assert again.jwks() == keys.jwks()


@pytest.mark.attack("KEY-06")
async def test_a_start_without_the_encryption_key_is_refused_in_words_and_makes_no_key(deployment):
    await deployment.process()
    before = await deployment.rows("SELECT * FROM signing_keys ORDER BY id")
    stranger = await deployment.process(keyring=Keyring([os.urandom(32)]), loaded=False)
    with pytest.raises(StartupRefused, match="ENCRYPTION__KEYS does not hold the key that encrypted"):
        await stranger.load()
    with pytest.raises(StartupRefused):
        await stranger.ensure(Algorithm.ES256)
    assert await deployment.rows("SELECT * FROM signing_keys ORDER BY id") == before
    assert not stranger.is_ready


@pytest.mark.attack("KEY-06")
async def test_one_key_that_does_not_decrypt_is_enough_to_refuse(deployment):
    keys = await deployment.process()
    await rotate(keys)
    retiring = next(kid for kid, state in (await deployment.states()).items() if state == "retiring")
    await execute(
        deployment.url,
        f"UPDATE signing_keys SET private_key = set_byte(private_key, 40, 255 - get_byte(private_key, 40)) "
        f"WHERE kid = '{retiring}'",
    )
    with pytest.raises(StartupRefused, match=f"{retiring}.*was altered"):
        await deployment.process()


async def test_a_new_encryption_key_in_front_keeps_the_old_keys_working(deployment):
    old = os.urandom(32)
    before = await deployment.process(keyring=Keyring([old]))
    token = before.sign(deployment.claims(), algorithm=Algorithm.RS256, typ="at+jwt")
    after = await deployment.process(keyring=Keyring([os.urandom(32), old]))
    await after.verify(token, typ="at+jwt", issuer=ISSUER)
    await rotate(after)
    assert sorted((await deployment.states()).values()) == ["active", "next", "retiring"]


async def test_a_row_planted_without_the_encryption_key_verifies_nothing(deployment):
    keys = await deployment.process()
    await deployment.plant_key(state="retiring")
    before = keys.jwks()
    await keys.refresh()
    assert keys.jwks() == before
    with pytest.raises(StartupRefused, match="ENCRYPTION__KEYS"):
        await deployment.process()


async def test_a_process_that_lacks_the_key_of_a_rotation_signs_on_with_the_former_one(deployment):
    old, new = os.urandom(32), os.urandom(32)
    lagging = await deployment.process(keyring=Keyring([old]))
    ahead = await deployment.process(keyring=Keyring([new, old]))
    await rotate(ahead)
    deployment.pass_time(3)
    # The key that now signs was sealed before; the one after it was not.
    await rotate(ahead)
    deployment.pass_time(3)
    await lagging.refresh()
    token = lagging.sign(deployment.claims(), algorithm=Algorithm.RS256, typ="at+jwt")
    await ahead.refresh()
    await ahead.verify(token, typ="at+jwt", issuer=ISSUER)
