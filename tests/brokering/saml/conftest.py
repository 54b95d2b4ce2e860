"""A SAML provider to sign in at, and browsers that carry its forms as browsers do: without our cookies."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from lxml import etree
from sqlalchemy import text

from app.main import Application, create_app
from app.protocols.saml.document import read_document
from app.protocols.saml.redirect import read_query
from app.settings import Settings
from app.wiring import Services
from tests.conftest import settings_for
from tests.federation.saml.idp import SIGN_IN, Keys, Said, assertion, encoded, metadata, response, sign
from tests.support import ISSUER

ACS = f"{ISSUER}/auth/saml/corp/acs"
SP = f"{ISSUER}/auth/saml/corp/metadata"
SLO = f"{ISSUER}/auth/saml/corp/slo"


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys.rsa()


@pytest.fixture(scope="session")
def attacker() -> Keys:
    return Keys.rsa()


@pytest.fixture
def config() -> dict[str, Any]:
    """What a test sets otherwise."""
    return {}


@pytest.fixture
def limits() -> dict[str, Any]:
    return {}


@pytest.fixture
def settings(database_url, engines, keys, config, limits) -> Settings:
    members = {"metadata_xml": metadata(keys).decode(), "trusts_email": True, **config}
    corp = {"id": "corp", "name": "Corp", "kind": "saml", "config": members}
    return settings_for(database_url, engines, identity_providers={"declared": [corp]}, limits=limits)


@dataclass
class SAMLBrowser:
    """A person's browser between us and the provider."""

    http: httpx2.AsyncClient
    foreign: httpx2.AsyncClient
    services: Services
    keys: Keys
    relay_state: str | None = None
    request: etree._Element | None = field(default=None, repr=False)

    async def start(self, path: str = "/auth/saml/corp/login", **asked: str) -> httpx2.Response:
        """Begin a sign-in, and arrive at the provider."""
        answer = await self.http.get(path, params=asked)
        if answer.status_code == 303:
            location = answer.headers["location"]
            assert location.startswith(f"{SIGN_IN}?"), location
            query = urlsplit(location).query
            self.request = read_document(read_query(query, "SAMLRequest").content)
            self.relay_state = parse_qs(query)["RelayState"][0]
        return answer

    def said(self, **changed: Any) -> Said:
        """What the provider says of Ann in answer to this browser's request."""
        request_id = None if self.request is None else self.request.get("ID")
        values = {"acs_url": ACS, "audience": SP, "request_id": request_id, "now": self.services.clock.now()}
        return Said(**(values | changed))

    def form(self, signer: Keys | None = None, **changed: Any) -> dict[str, str]:
        """The provider's form, signed."""
        about = self.said(**changed)
        return self.form_of(response(about, sign(assertion(about), signer or self.keys)))

    def form_of(self, element: etree._Element | bytes) -> dict[str, str]:
        state = {} if self.relay_state is None else {"RelayState": self.relay_state}
        return {"SAMLResponse": encoded(element), **state}

    async def send(self, form: dict[str, str]) -> httpx2.Response:
        """Send another site's form. No cookie goes with it, and none comes back."""
        answer = await self.foreign.post("/auth/saml/corp/acs", data=form, headers={"Sec-Fetch-Site": "cross-site"})
        assert "set-cookie" not in answer.headers
        return answer

    async def arrive(self, form: dict[str, str]) -> httpx2.Response:
        """Send it and follow: the answer is the one that counts."""
        answer = await self.send(form)
        assert answer.status_code == 303, answer.text
        location = answer.headers["location"]
        assert re.fullmatch(r"/auth/saml/corp/acs\?arrival=[\w-]{43}", location), location
        return await self.http.get(location)

    async def sign_in(self, **changed: Any) -> httpx2.Response:
        await self.start()
        return await self.arrive(self.form(**changed))

    async def who(self) -> dict[str, Any] | None:
        """Whose session the browser holds."""
        answer = await self.http.get("/auth/me")
        return answer.json() if answer.status_code == 200 else None


@pytest.fixture
def application(services: Services) -> Application:
    return create_app(services=services)


@pytest.fixture
async def browsers(
    services: Services, application: Application, keys: Keys
) -> AsyncIterator[Callable[[], SAMLBrowser]]:
    """`browsers()` opens one more browser."""
    opened: list[httpx2.AsyncClient] = []

    def client() -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(application)
        opened.append(httpx2.AsyncClient(transport=transport, base_url=ISSUER, headers={"Accept": "text/html"}))
        return opened[-1]

    yield lambda: SAMLBrowser(client(), client(), services, keys)
    for each in opened:
        await each.aclose()


@pytest.fixture
def browser(browsers: Callable[[], SAMLBrowser]) -> SAMLBrowser:
    return browsers()


async def refused_flows(services: Services) -> list[tuple[str, str | None, list[str]]]:
    """How the federated sign-ins ended: outcome, error, and the checks that failed."""
    async with services.db.transaction() as tx:
        rows = await tx.execute(text("SELECT outcome, error, checks FROM flows WHERE kind = 'federation' ORDER BY id"))
        return [(row.outcome, row.error, [c["name"] for c in row.checks if not c["passed"]]) for row in rows]


async def why(services: Services) -> str:
    """The failed checks of all sign-ins, in full, for a test that wonders."""
    async with services.db.transaction() as tx:
        rows = await tx.execute(text("SELECT checks FROM flows WHERE kind = 'federation'"))
        return "; ".join(str(check) for row in rows for check in row.checks if not check["passed"])
