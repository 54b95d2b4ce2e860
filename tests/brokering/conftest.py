"""A provider to sign in at, browsers that do, and an app that sends them."""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.foundation.origin import Origin
from app.main import Application, create_app
from app.protocols.oauth.registration import AuthMethod
from app.settings import Settings
from app.wiring import Services
from tests.conftest import settings_for
from tests.federation.oidc.provider import Provider, new_key, serving
from tests.hosted.conftest import Sheet, read
from tests.support import ISSUER

APP = "https://app.example.com/signed-in"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
READER = {"Accept": "text/html"}
ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)


def member(provider: Provider, connection: str, **policy: Any) -> dict[str, Any]:
    return {
        "id": connection,
        "name": connection.title(),
        "config": {"issuer": provider.issuer, "client_id": provider.client_id},
        "secret": provider.client_secret,
        "policy": policy,
    }


@pytest.fixture(scope="module")
def provider_key() -> Any:
    return new_key()


@pytest.fixture
async def provider(provider_key: Any) -> AsyncIterator[Provider]:
    async with serving(Provider(key=provider_key)) as provider:
        yield provider


@pytest.fixture
def policies() -> dict[str, dict[str, Any]]:
    """The connections of a test and what their people become; all lead to the one provider."""
    return {"corp": {}}


@pytest.fixture
def changes() -> dict[str, Any]:
    """What a test sets otherwise."""
    return {}


@pytest.fixture
def settings(database_url, engines, provider, policies, changes) -> Settings:
    declared = [member(provider, connection, **policy) for connection, policy in policies.items()]
    values = {"identity_providers": {"declared": declared}, "http": {"allow_private": ["localhost"]}, **changes}
    return settings_for(database_url, engines, **values)


@dataclass
class Browser:
    """One browser: it keeps cookies, and goes where it is sent."""

    client: httpx2.AsyncClient
    provider: Provider
    last: httpx2.Response = field(init=False)

    async def open(self, path: str, **query: str) -> httpx2.Response:
        self.last = await self.client.get(f"{path}?{urlencode(query)}" if query else path, headers=READER)
        return self.last

    async def start(self, connection: str = "corp", **asked: str) -> str:
        """Begin a sign-in, and return where the provider sends the browser back to: path and query."""
        answer = await self.open(f"/auth/oauth/{connection}/start", **asked)
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"].startswith(self.provider.issuer), answer.headers["location"]
        return await self.at_provider(answer.headers["location"])

    async def at_provider(self, url: str) -> str:
        async with httpx2.AsyncClient() as foreign:
            back = await foreign.get(url)
        assert back.status_code == 302, back.text
        location: str = back.headers["location"]
        assert location.startswith(ISSUER), location
        return location.removeprefix(ISSUER)

    async def sign_in(self, connection: str = "corp", **asked: str) -> httpx2.Response:
        """A whole sign-in; the answer is that of the callback."""
        return await self.open(await self.start(connection, **asked))

    async def for_app(self, connection: str = "corp", **changes: str) -> httpx2.Response:
        asked = {"return_to": APP, "code_challenge": CHALLENGE, "state": "app-state", **changes}
        return await self.sign_in(connection, **asked)

    async def who(self) -> dict[str, Any] | None:
        """Whose session the browser holds."""
        answer = await self.client.get("/auth/me")
        return answer.json() if answer.status_code == 200 else None

    async def follow(self) -> Sheet:
        """Go on to wherever the last answer leads within this service, and read the page."""
        while self.last.status_code == 303 and self.last.headers["location"].startswith(("/", ISSUER)):
            self.last = await self.client.get(self.last.headers["location"], headers=READER)
        return read(self.last)

    async def submit(self, **fields: str) -> httpx2.Response:
        """Send the form of the page that holds all of these fields, with them filled in."""
        sheet = read(self.last)
        form = next(one for one in sheet.forms if all(one.fields.get(name) is not None for name in fields))
        self.last = await self.client.post(
            form.action or str(self.last.url),
            data={**form.fields, **fields},
            headers={**READER, "Sec-Fetch-Site": "same-origin"},
        )
        return self.last

    @property
    def page(self) -> Sheet:
        return read(self.last)


@pytest.fixture
def application(services: Services) -> Application:
    return create_app(services=services)


@pytest.fixture
async def browsers(application: Application, provider: Provider):
    """`browsers()` opens one more browser."""
    opened: list[httpx2.AsyncClient] = []

    def browse() -> Browser:
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url=ISSUER)
        opened.append(client)
        return Browser(client, provider)

    yield browse
    for client in opened:
        await client.aclose()


@pytest.fixture
async def app_client(services: Services) -> str:
    """An app of the operator's own, as `create-client --public --trusted` makes it."""
    return await register(services, APP)


async def register(services: Services, *uris: str, trusted: bool = True) -> str:
    definition = ClientDefinition(
        name="Shop",
        audience=None,
        scopes=(),
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=uris,
        auth_method=AuthMethod.NONE,
        targets={},
        consent_required=not trusted,
    )
    async with services.db.transaction() as tx:
        made = await services.clients.create(tx, definition, actor=SYSTEM, origin=ORIGIN)
    return str(made.client_id)


def told(answer: httpx2.Response) -> dict[str, str]:
    """What an app is told at its address."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def someone(provider: Provider, **changes: Any) -> str:
    """Let the provider vouch for somebody new, and return their address there."""
    name = uuid4().hex[:10]
    provider.person = {
        "sub": name,
        "email": f"{name}@corp.example",
        "email_verified": True,
        "name": "Jo Doe",
        "sid": f"there-{name}",
        **changes,
    }
    return str(provider.person.get("email"))


async def own(browser: Browser) -> dict[str, str]:
    """What a request of our own pages' scripts carries."""
    token = (await browser.client.get("/auth/csrf")).json()["csrf_token"]
    return {"X-CSRF-Token": token, "Origin": ISSUER}
