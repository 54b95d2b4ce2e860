from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.clients.service import NewCredentials
from app.foundation.origin import Origin
from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services
from tests.oauth.people_at_browsers import CALLBACK, Browser
from tests.support import People
from tests.webhooks.receiver import Receiver, receiving

ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)
TOKEN = "/oauth/token"

MakeClient = Callable[..., Awaitable[NewCredentials]]


@pytest.fixture
def make_client(services: Services) -> MakeClient:
    """Registers a client that may get tokens for orders-api, unless told otherwise."""

    async def make(**stated: Any) -> NewCredentials:
        definition = ClientDefinition(
            **{
                "name": "reporting",
                "grant_types": ("client_credentials",),
                "targets": {"orders-api": ("orders:read",)},
                **stated,
            }
        )
        async with services.db.transaction() as tx:
            return await services.clients.create(tx, definition, actor=SYSTEM, origin=ORIGIN)

    return make


class Machine:
    """Asks for tokens as a client would."""

    def __init__(self, api: httpx2.AsyncClient) -> None:
        self._api = api

    async def ask(self, made: NewCredentials | None = None, **fields: Any) -> httpx2.Response:
        """By Basic where credentials are given."""
        auth = None if made is None else (made.client_id, made.raw_secret or "")
        form = {"grant_type": "client_credentials", **fields}
        return await self._api.post(TOKEN, data={k: v for k, v in form.items() if v is not None}, auth=auth)

    async def token(self, made: NewCredentials, **fields: Any) -> str:
        answer = await self.ask(made, **fields)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token


@pytest.fixture
def machine(api: httpx2.AsyncClient) -> Machine:
    return Machine(api)


def refused(answer: httpx2.Response, status: int, error: str) -> dict[str, Any]:
    """The body of a refusal in OAuth's form. Spec: RFC 6749 §5.2."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert body["error"] == error, body
    assert body["error_description"]
    assert body["trace_id"] == answer.headers["x-trace-id"]
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic ")
    return body


@pytest.fixture
async def app_id(make_client: MakeClient) -> str:
    """A public client of an app that people sign in to."""
    made = await make_client(
        name="Parcel Lens",
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(CALLBACK,),
        auth_method=AuthMethod.NONE,
        targets={"orders-api": ("orders:read",)},
    )
    return made.client_id


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A server of somebody else's that clients name."""
    async with receiving() as started:
        yield started


@pytest.fixture
async def browser(services: Services) -> AsyncIterator[Browser]:
    """Petra's browser. She has an account and is not signed in."""
    made = Browser(services)
    await People(made.http).sign_up("petra@example.com")
    yield made
    await made.http.aclose()
