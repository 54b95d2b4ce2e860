"""Yesterday's backup is restored: what was revoked or spent since stays dead, because nothing older counts any more."""

import json
import signal

import asyncpg
import httpx2
import pytest

from tests.cli.running import run
from tests.faults.conftest import Deploy, Platform
from tests.faults.table import note
from tests.servers import execute
from tests.support import PASSWORD, bearer

pytestmark = pytest.mark.anyio

ANN = {"email": "ann@example.com", "password": PASSWORD}
SHORT_LIVED = ("pending_sign_ins", "email_codes", "passkey_challenges", "action_challenges", "links", "kept_answers")


class Client:
    """Ann, over HTTP."""

    def __init__(self, api: httpx2.AsyncClient) -> None:
        self.api = api

    async def post(self, path: str, body: object = None, tokens: dict | None = None) -> httpx2.Response:
        return await self.api.post(path, json=body, headers=bearer(tokens) if tokens else None)

    async def signs_in(self, **fields: object) -> dict:
        answer = await self.post("/auth/login", {**ANN, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def validates(self, tokens: dict) -> bool:
        return (await self.api.get("/auth/validate", headers=bearer(tokens))).status_code == 200

    async def refreshes(self, tokens: dict) -> bool:
        answer = await self.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]})
        return answer.status_code == 200

    async def uses(self, key: str) -> bool:
        return (await self.api.get("/auth/me", headers={"Authorization": f"Bearer {key}"})).status_code == 200

    async def kids(self) -> set[str]:
        return {key["kid"] for key in (await self.api.get("/.well-known/jwks.json")).json()["keys"]}


@pytest.mark.attack("OPS-04")
@pytest.mark.fault("F27")
async def test_what_was_revoked_or_spent_since_the_backup_stays_dead(deploy: Deploy, platform: Platform) -> None:
    deployment = await deploy()
    name, backup = deployment.database.partition("?")[0].rpartition("/")[2], "yesterday"
    server = platform.engines.database_url
    async with httpx2.AsyncClient(base_url=deployment.url, timeout=60) as api:
        ann = Client(api)
        assert (await ann.post("/auth/signup", ANN)).status_code == 201
        ended, spent, kept = [await ann.signs_in() for _ in range(3)]
        elsewhere = await ann.signs_in(audience="orders-api")
        made = await ann.post("/auth/api-keys", {"name": "robot", "scopes": []}, ended)
        assert made.status_code == 201, made.text
        key = made.json()
        await ann.post("/auth/otp/request", {"email": ANN["email"], "purpose": "login"})
        kids = await ann.kids()

        deployment.end(signal.SIGTERM)
        await execute(server, f"CREATE DATABASE {backup} TEMPLATE {name}")
        deployment.start()
        assert (await ann.post("/auth/logout", None, ended)).status_code == 204
        assert await ann.refreshes(spent)
        assert (await api.delete(f"/auth/api-keys/{key['id']}", headers=bearer(kept))).status_code == 204
        assert not await ann.validates(ended)

        deployment.end(signal.SIGTERM)
        await execute(server, f"DROP DATABASE {name} WITH (FORCE)")
        await execute(server, f"CREATE DATABASE {name} TEMPLATE {backup}")
        before = await looked_at(deployment.database, "SELECT epoch FROM revocation_feed")
        done = run("restored", "--yes", "--json", environment=deployment.environment)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        deployment.start()

        back = [await ann.validates(tokens) for tokens in (ended, spent, kept, elsewhere)]
        back += [await ann.refreshes(tokens) for tokens in (ended, spent, kept, elsewhere)]
        back += [await ann.uses(value) for value in key.values() if str(value).startswith("ask_")]
        assert not any(back)
        assert await ann.validates(await ann.signs_in())
        assert await ann.refreshes(await ann.signs_in(audience="orders-api"))
        assert len(await ann.kids() & kids) <= len(told["rotated"])
    for table in SHORT_LIVED:
        assert await looked_at(deployment.database, f"SELECT count(*) FROM {table}") == 0, table
    assert await looked_at(deployment.database, "SELECT epoch FROM revocation_feed") != before
    panic = "SELECT count(*) FROM revocations WHERE kind = 'aud' AND reason = 'restored'"
    assert await looked_at(deployment.database, panic) >= 2
    assert told["changed"]["sessions"] == 4
    assert told["changed"]["api_keys"] == 1
    assert (
        await looked_at(deployment.database, "SELECT count(*) FROM audit_entries WHERE type = 'service.restored'") == 1
    )
    await execute(server, f"DROP DATABASE {backup}")
    note("F27", lost=0, doubled=sum(back))
    print(f"F27: {len(back)} credentials of before the restore tried, {sum(back)} accepted")


async def looked_at(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
