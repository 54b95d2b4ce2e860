"""The Keycloak that other tests are judged by: it runs, it is shared, and it ends with the last who needs it."""

import asyncio
import os
from pathlib import Path

import httpx2
import pytest
from joserfc.jwk import KeySet

from tools.keycloak import distribution, keeper, server
from tools.keycloak.admin import Admin
from tools.keycloak.distribution import FOLDER, KeycloakMissing
from tools.keycloak.server import Keycloak

pytestmark = pytest.mark.anyio

CLIENT = {"clientId": "robot", "secret": "robot-secret", "directAccessGrantsEnabled": True, "enabled": True}


async def test_an_administrator_of_it_makes_realms_people_roles_and_keys(keycloak: Keycloak, keycloak_admin: Admin):
    realm = "tools-test"
    issuer = await keycloak_admin.import_realm({"realm": realm, "enabled": True})
    try:
        await keycloak_admin.make_client(realm, **CLIENT)
        sub = await keycloak_admin.make_user(realm, "paula", "a long password")
        await keycloak_admin.make_role(realm, "clerk")
        await keycloak_admin.give_role(realm, sub, "clerk")
        form = {"grant_type": "password", "username": "paula", "password": "a long password", "scope": "openid"}
        tokens = await keycloak_admin.tokens(realm, "robot", client_secret="robot-secret", **form)
        before = await keys(issuer)
        await keycloak_admin.rotate_keys(realm)
        assert before < await keys(issuer)
        await keycloak_admin.rotate_keys(realm, drop_former=True)
        assert before.isdisjoint(await keys(issuer))
        await keycloak_admin.sign_out(realm, sub)
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        with pytest.raises(httpx2.HTTPStatusError):
            await keycloak_admin.tokens(realm, "robot", client_secret="robot-secret", **refresh)
    finally:
        await keycloak_admin.remove_realm(realm)


async def keys(issuer: str) -> set[str]:
    """The ids of a realm's signing keys, as its discovery leads to them."""
    async with httpx2.AsyncClient() as http:
        found = (await http.get(f"{issuer}/.well-known/openid-configuration")).json()
        assert found["issuer"] == issuer
        published = (await http.get(found["jwks_uri"])).json()
    return {key.kid or "" for key in KeySet.import_key_set(published).keys if key.as_dict().get("use") == "sig"}


async def test_whoever_comes_second_shares_it_and_it_outlives_who_leaves(keycloak: Keycloak, testrun_uid: str):
    folder = FOLDER / "runs" / testrun_uid
    with server.running(folder) as shared:
        assert shared == keycloak
    async with httpx2.AsyncClient() as http:
        assert (await http.get(keycloak.issuer("todo-app"))).status_code == 200


async def test_the_last_who_leaves_ends_the_program_and_what_it_has_started(tmp_path: Path):
    folder = tmp_path / "run"
    folder.mkdir()
    program = 'echo $$ > "$FOLDER/pid"; sleep 1000'
    first, keeping = keeper.start(folder, ("sh", "-c", program), os.environ)
    async with asyncio.timeout(60):
        while not (folder / "pid").is_file() or not (folder / "pid").read_text().strip():
            await asyncio.sleep(0.01)
        process = int((folder / "pid").read_text())
        second = keeper.join(folder)
        assert second is not None
        os.close(first)
        third = keeper.join(folder)
        assert third is not None
        os.kill(process, 0)
        os.close(second)
        os.close(third)
        while os.waitpid(keeping, os.WNOHANG) == (0, 0) or Path(f"/proc/{process}/exe").exists():
            await asyncio.sleep(0.01)
    assert not folder.exists()
    assert keeper.join(folder) is None


def test_an_archive_that_is_not_the_pinned_one_is_refused(tmp_path: Path):
    archive = tmp_path / "keycloak.zip"
    archive.write_bytes(b"something else")
    with pytest.raises(KeycloakMissing, match="SHA-256"):
        distribution.check(archive)
    assert not archive.exists()
