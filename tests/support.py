"""What tests share: people who sign up and in, the audit log as seen by a test, and the shape of refusals."""

import base64
import json
from typing import Any
from uuid import uuid4

import httpx2
from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.foundation.origin import Origin
from app.wiring import Services

ISSUER = "http://localhost:8000"
PASSWORD = "correct horse battery staple"
# Ends the name of every database that outlives a test: several runs may share one server.
RUN = uuid4().hex[:12]


class Events:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def of(self, *types: str) -> list[dict[str, object]]:
        """Audit entries of these types, oldest first; each is checked to have its row in `events` beside it."""
        async with self._services.db.transaction() as tx:
            rows = await tx.execute(
                text(
                    "SELECT a.*, e.id IS NOT NULL AS announced FROM audit_entries a LEFT JOIN events e ON e.id = a.id "
                    "WHERE a.type = ANY(:types) ORDER BY a.at, a.id"
                ),
                {"types": list(types)},
            )
            entries = [dict(row._mapping) for row in rows]
        assert all(entry["announced"] for entry in entries)
        return entries


class People:
    """Signs people up and in, over HTTP."""

    def __init__(self, api: httpx2.AsyncClient) -> None:
        self._api = api

    async def sign_up(
        self, email: str = "ann@example.com", password: str = PASSWORD, **fields: object
    ) -> dict[str, Any]:
        answer = await self._api.post("/auth/signup", json={"email": email, "password": password, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def log_in(
        self, email: str = "ann@example.com", password: str = PASSWORD, **fields: object
    ) -> dict[str, Any]:
        answer = await self._api.post("/auth/login", json={"email": email, "password": password, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def signed_in(self, email: str = "ann@example.com", **fields: object) -> dict[str, Any]:
        await self.sign_up(email)
        return await self.log_in(email, **fields)


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def claims_of(raw_token: str) -> dict[str, Any]:
    payload = raw_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem body of a refusal, checked to be of the one shape that every refusal has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["title"]
    assert body["trace_id"] == answer.headers["x-trace-id"]
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    return body


async def suspend(services: Services, sub: str) -> None:
    """Suspend a user as an operator would."""
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
    assert user is not None
    origin = Origin(ip=None, user_agent=None, trace_id="0" * 32)
    await services.lifecycle.suspend(user.id, actor=Actor(ActorKind.OPERATOR, "test"), origin=origin)
