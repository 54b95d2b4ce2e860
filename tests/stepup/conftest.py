import base64
import hashlib
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.foundation.origin import Origin
from app.wiring import Services
from tests.support import PASSWORD, bearer

ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)
REFUND = "orders.refund"


def hash_of(method: str, target: str, body: bytes = b"") -> str:
    digest = hashlib.sha256(f"{method}\n{target}\n".encode() + body).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class StepUp:
    """Asks for action tokens, answers their challenges, and spends them, over HTTP."""

    def __init__(self, api: httpx2.AsyncClient, services: Services) -> None:
        self._api = api
        self._services = services

    async def challenge(self, tokens: dict[str, Any], action: str = REFUND, **fields: object) -> dict[str, Any]:
        answer = await self._api.post("/auth/action-tokens", json={"action": action, **fields}, headers=bearer(tokens))
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def answer(self, tokens: dict[str, Any], challenge_id: str, code: str = PASSWORD) -> httpx2.Response:
        body = {"challenge_id": challenge_id, "code": code}
        return await self._api.post("/auth/action-tokens/verify", json=body, headers=bearer(tokens))

    async def token(self, tokens: dict[str, Any], action: str = REFUND, **fields: object) -> str:
        challenge = await self.challenge(tokens, action, **fields)
        answer = await self.answer(tokens, challenge["challenge_id"])
        assert answer.status_code == 200, answer.text
        return answer.json()["action_token"]

    async def service(
        self, audience: str | None = "orders-api", scopes: tuple[str, ...] = ("introspection",)
    ) -> tuple[str, str]:
        definition = ClientDefinition(name="service", audience=audience, scopes=scopes)
        async with self._services.db.transaction() as tx:
            made = await self._services.clients.create(tx, definition, actor=SYSTEM, origin=ORIGIN)
        return made.client_id, made.raw_secret

    async def consume(
        self, service: tuple[str, str], action_token: str, action: str = REFUND, **fields: object
    ) -> httpx2.Response:
        body = {"action_token": action_token, "action": action, "consumption_id": uuid4().hex, **fields}
        return await self._api.post("/auth/action-tokens/consume", json=body, auth=service)


@pytest.fixture
def step_up(api: httpx2.AsyncClient, services: Services) -> StepUp:
    return StepUp(api, services)
