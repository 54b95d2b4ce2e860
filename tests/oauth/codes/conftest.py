"""A person at a browser, a client, and codes without the pages between."""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest

from app.clients.service import NewCredentials
from app.foundation.browser import BrowserSignIn
from app.grants.codes import CodeGrant
from app.sessions.service import Authentication, StartedSession
from app.wiring import Services
from tests.oauth.conftest import ORIGIN, TOKEN, MakeClient
from tests.support import People

CALLBACK = "https://app.example.com/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class AtBrowser:
    """A signed-in person."""

    user_id: UUID
    sub: str
    session: StartedSession


SignIn = Callable[..., Awaitable[AtBrowser]]


@pytest.fixture
def at_browser(services: Services, people: People) -> SignIn:
    async def sign_in(email: str = "ann@example.com", acr: str = "aal1", **fields: Any) -> AtBrowser:
        sub = (await people.sign_up(email, **fields))["sub"]
        async with services.db.transaction() as tx:
            user = await services.users.find_by_sub(tx, sub)
            assert user is not None
            session = await services.sessions.start(
                tx,
                user_id=user.id,
                credentials_version=user.credentials_version,
                authentication=Authentication(amr=("pwd",), acr=acr),
                origin=ORIGIN,
                browser=BrowserSignIn(replaces=None),
            )
        assert session is not None
        return AtBrowser(user.id, sub, session)

    return sign_in


@pytest.fixture
async def web_app(make_client: MakeClient) -> NewCredentials:
    return await make_client(
        name="shop", grant_types=("authorization_code", "refresh_token"), redirect_uris=(CALLBACK,)
    )


IssueCode = Callable[..., Awaitable[str]]


@pytest.fixture
def issue_code(services: Services) -> IssueCode:
    """Issues what the consent page would have ended in."""

    async def issue(person: AtBrowser, client_id: str, **stated: Any) -> str:
        client = await services.oauth.directory.read(client_id)
        assert client is not None
        values = {
            "redirect_uri": CALLBACK,
            "redirect_uri_given": True,
            "challenge": challenge_of(VERIFIER),
            "nonce": "n-1",
            "scope": ("openid", "orders:read"),
            "audience": None,
            **stated,
        }
        values["audience"] = values["audience"] or await services.codes.targets.of(client)
        grant = CodeGrant(client_id=client_id, session_id=person.session.id, user_id=person.user_id, **values)
        async with services.db.transaction() as tx:
            return await services.codes.codes.issue(tx, grant)

    return issue


Redeem = Callable[..., Awaitable[httpx2.Response]]


@pytest.fixture
def redeem(api: httpx2.AsyncClient) -> Redeem:
    """Sends a code to the token endpoint as its client would; what is None is left out."""

    async def send(raw_code: str, client: NewCredentials, **fields: str | None) -> httpx2.Response:
        form = {"grant_type": "authorization_code", "code": raw_code, "redirect_uri": CALLBACK, **fields}
        form.setdefault("code_verifier", VERIFIER)
        auth = None if client.raw_secret is None else (client.client_id, client.raw_secret)
        if auth is None:
            form["client_id"] = client.client_id
        sent = {name: value for name, value in form.items() if value is not None}
        return await api.post(TOKEN, data=sent, auth=auth)

    return send


async def refresh(
    api: httpx2.AsyncClient, client: NewCredentials, tokens: dict[str, Any], **fields: str
) -> httpx2.Response:
    """Spends a refresh token as its client would."""
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **fields}
    if client.raw_secret is None:
        return await api.post(TOKEN, data={**form, "client_id": client.client_id})
    return await api.post(TOKEN, data=form, auth=(client.client_id, client.raw_secret))
