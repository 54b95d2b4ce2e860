"""`keys` and `rotate-signing-key`, run as the operator runs them."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.signing_keys.support import KEYRING_VARIABLE

pytestmark = pytest.mark.anyio


@pytest.fixture
def auth_service(deployment, tmp_path):
    kept = {name: value for name, value in os.environ.items() if "__" not in name}
    environment = kept | {
        "DATABASE__URL": deployment.url,
        "ENCRYPTION__KEYS": KEYRING_VARIABLE,
        "PUBLIC_URL": "https://auth.example.com",
        "ACCOUNTS__HIDE_EXISTENCE": "false",
        "PYTHONPATH": str(Path.cwd()),
        "COLUMNS": "200",
    }

    async def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "app.cli", *arguments],
            capture_output=True,
            text=True,
            env=environment | more,
            cwd=tmp_path,
            check=False,
        )

    return run


async def test_a_rotation_by_command_prints_what_it_did_and_is_recorded_as_the_operators(deployment, auth_service):
    await deployment.process()
    former, following = await deployment.states()
    ran = await auth_service("rotate-signing-key", "--json")
    assert ran.returncode == 0, ran.stderr
    printed = json.loads(ran.stdout)
    assert (printed["algorithm"], printed["overlap_seconds"]) == ("RS256", 900)
    assert (printed["retiring_kid"], printed["active_kid"]) == (former, following)
    assert await deployment.states() == {former: "retiring", following: "active", printed["next_kid"]: "next"}
    (entry,) = await deployment.events("signing_key.rotated")
    assert entry["actor_kind"] == "operator"
    assert entry["actor_id"]

    listed = json.loads((await auth_service("keys", "list", "--json")).stdout)
    assert {key["kid"]: key["state"] for key in listed} == await deployment.states()
    assert all(set(key) == {"kid", "algorithm", "state", *MOMENTS} for key in listed)
    for_the_eye = (await auth_service("keys", "list")).stdout
    assert all(kid in for_the_eye for kid in (former, following, printed["next_kid"]))


async def test_a_key_is_revoked_and_retired_by_command(deployment, auth_service):
    await deployment.process()
    former, following = await deployment.states()
    revoked = await auth_service("keys", "revoke", former)
    assert revoked.returncode == 0, revoked.stderr
    assert former in revoked.stdout
    refused = await auth_service("keys", "retire", following)
    assert refused.returncode == 1
    assert "This key signs" in refused.stderr
    spare = next(kid for kid, state in (await deployment.states()).items() if state == "next")
    assert (await auth_service("keys", "retire", spare)).returncode == 0
    assert list((await deployment.states()).values()) == ["revoked", "active", "retired", "next"]
    (entry,) = await deployment.events("signing_key.revoked")
    assert entry["actor_kind"] == "operator"


MOMENTS = ("created_at", "activated_at", "retires_at", "retired_at")


@pytest.mark.attack("KEY-01")
async def test_too_short_an_overlap_is_refused_with_the_least_one_unless_forced(deployment, auth_service):
    await deployment.process()
    before = await deployment.states()
    refused = await auth_service("rotate-signing-key", "--overlap-seconds", "100")
    assert refused.returncode == 1
    assert "At least 870 seconds are needed" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert await deployment.states() == before
    forced = await auth_service("rotate-signing-key", "--overlap-seconds", "100", "--force", "--algorithm", "ES256")
    assert forced.returncode == 0, forced.stderr
    assert sorted((await deployment.states("ES256")).values()) == ["active", "next", "retiring"]


async def test_the_longest_token_of_any_audience_counts(deployment, auth_service):
    declared = json.dumps([{"name": "reports", "access_token_seconds": 3600}])
    refused = await auth_service("rotate-signing-key", "--overlap-seconds", "900", AUDIENCES__DECLARED=declared)
    assert refused.returncode == 1
    assert "At least 3870 seconds" in refused.stderr


@pytest.mark.attack("KEY-06")
async def test_a_command_without_the_encryption_key_says_so(deployment, auth_service):
    await deployment.process()
    ran = await auth_service("keys", "list", ENCRYPTION__KEYS="A" * 43)
    assert ran.returncode == 1
    assert "ENCRYPTION__KEYS does not hold the key" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("wrong", [["--algorithm", "HS256"], ["--overlap-seconds", "-1"], ["--overlap-seconds", "1e9"]])
async def test_a_wrong_option_is_explained(auth_service, wrong):
    ran = await auth_service("rotate-signing-key", *wrong)
    assert ran.returncode == 2
    assert wrong[0] in ran.stderr


@pytest.mark.parametrize(
    "command", [["rotate-signing-key"], ["keys"], ["keys", "list"], ["keys", "revoke"], ["keys", "retire"]]
)
async def test_help_shows_an_example(auth_service, command):
    ran = await auth_service(*command, "--help")
    assert f"Example: auth-service {command[0]}" in ran.stdout
