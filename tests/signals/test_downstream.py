"""Revoked means refused by every service that follows, and no request pays for it."""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.revocation.kinds import RevocationKind
from app.wiring import Services
from tests.signals.conftest import ORIGIN
from tests.signals.downstream import CAP_SECONDS, Wire, credentials, guarded, until_status, wired
from tests.support import People, bearer, claims_of, suspend

VALIDATE, INTROSPECT = "/auth/validate", "/auth/introspect"
REQUESTS = 50


def header_of(raw_token: str) -> dict[str, Any]:
    raw = raw_token.removeprefix("Bearer ").partition(".")[0]
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
    return members


def asked(wire: Wire) -> int:
    return wire.passed[VALIDATE] + wire.passed[INTROSPECT]


async def add(services: Services, kind: RevocationKind, target: str) -> None:
    async with services.db.transaction() as tx:
        await services.revocations.add(tx, kind, target, reason="test")


@pytest.mark.attack("KEY-02")
@pytest.mark.attack("REF-06")
@pytest.mark.attack("SES-05")
@pytest.mark.attack("API-02")
@pytest.mark.attack("API-05")
async def test_whatever_is_revoked_is_refused_by_three_services_without_a_question(
    services: Services, server: httpx2.AsyncClient
) -> None:
    url = str(server.base_url).rstrip("/")
    people = People(server)
    async with wired() as wire:
        downstream = [guarded(url, await credentials(services, "orders-api")) for _ in range(3)]
        for service in downstream:
            await service.status({})
            await service.follows()

        async def made(name: str) -> dict[str, str]:
            """Headers that every service knows, and serves without asking."""
            await people.sign_up(f"{name}@example.com")
            headers: dict[str, str] = {}
            async with asyncio.timeout(CAP_SECONDS):
                # What was revoked by time of issue covers the rest of its second, in which the service itself,
                # unlike this test, lets nothing be issued.
                while not headers or [await service.status(headers) for service in downstream] != [200] * 3:
                    headers = bearer(await people.log_in(f"{name}@example.com", audience="orders-api"))
                    await asyncio.sleep(0.1)
            before = asked(wire)
            for _ in range(REQUESTS):
                assert [await service.status(headers) for service in downstream] == [200] * 3
            assert asked(wire) == before, name
            return headers

        async def sign_out(headers: dict[str, str]) -> None:
            assert (await server.post("/auth/logout", headers=headers)).status_code == 204

        async def revoke_key(headers: dict[str, str]) -> None:
            kid = header_of(headers["Authorization"])["kid"]
            await services.key_withdrawal.revoke(kid, actor=SYSTEM, origin=ORIGIN)

        def named(kind: RevocationKind, claim: str) -> Callable[[dict[str, str]], Awaitable[None]]:
            async def revoke(headers: dict[str, str]) -> None:
                await add(services, kind, claims_of(headers["Authorization"])[claim])

            return revoke

        async def suspend_user(headers: dict[str, str]) -> None:
            await suspend(services, claims_of(headers["Authorization"])["sub"])

        acts: dict[str, Callable[[dict[str, str]], Awaitable[None]]] = {
            "signout": sign_out,
            "session": named(RevocationKind.SID, "sid"),
            "grant": named(RevocationKind.GRANT_ID, "grant_id"),
            "token": named(RevocationKind.JTI, "jti"),
            "user": suspend_user,
            "client": named(RevocationKind.CLIENT_ID, "client_id"),
            "audience": named(RevocationKind.AUD, "aud"),
            "key": revoke_key,
        }
        for name, revoke in acts.items():
            headers = await made(name)
            before = asked(wire)
            await revoke(headers)
            await until_status(downstream, headers, 401)
            assert asked(wire) == before, name
            assert [await service.status(headers) for service in downstream] == [401] * 3


@pytest.mark.attack("API-02")
@pytest.mark.attack("API-05")
async def test_a_key_is_known_after_one_question_until_the_feed_names_it(
    services: Services, server: httpx2.AsyncClient
) -> None:
    url = str(server.base_url).rstrip("/")
    people = People(server)
    admin = bearer(await people.signed_in("owner@example.com"))
    async with wired() as wire:
        downstream = [guarded(url, await credentials(services, "orders-api")) for _ in range(2)]
        for service in downstream:
            await service.status({})
            await service.follows()

        async def made() -> tuple[str, dict[str, str]]:
            body = {"name": "export", "scopes": ["orders:read"], "audience": "orders-api"}
            answer = await server.post("/auth/api-keys", json=body, headers=admin)
            assert answer.status_code == 201, answer.text
            headers = {"X-API-Key": answer.json()["api_key"]}
            await until_status(downstream, headers, 200)
            before = asked(wire)
            started = time.monotonic()
            while time.monotonic() - started < 1.5:
                assert [await service.status(headers) for service in downstream] == [200] * 2
            assert asked(wire) == before
            return answer.json()["id"], headers

        key_id, headers = await made()
        assert (await server.delete(f"/auth/api-keys/{key_id}", headers=admin)).status_code == 204
        await until_status(downstream, headers, 401)
        key_id, headers = await made()
        rotated = await server.post(f"/auth/api-keys/{key_id}/rotate", json={"overlap_seconds": 0}, headers=admin)
        assert rotated.status_code == 201, rotated.text
        await until_status(downstream, headers, 401)
        _, headers = await made()
        await suspend(services, (await server.get("/auth/me", headers=admin)).json()["sub"])
        await until_status(downstream, headers, 401)
