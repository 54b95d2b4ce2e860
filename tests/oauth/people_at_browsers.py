"""A browser whose user signs in, and a client that sends it to the authorization endpoint."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from app.clients.service import NewCredentials
from app.main import create_app
from app.wiring import Services
from tests.support import ISSUER, PASSWORD

CALLBACK = "https://client.example.com/cb"
AUTHORIZE = "/oauth/authorize"
# RFC 7636 Appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
FROM_OUR_PAGE = {"Origin": ISSUER, "Sec-Fetch-Site": "same-origin"}


def asked(client_id: str, **changed: str | None) -> dict[str, str]:
    """The parameters of a right request, but for what is `changed`; None leaves one out."""
    right = {
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "state": "af0ifjsldkj",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in {**right, **changed}.items() if value is not None}


class Browser:
    """A person's browser: it keeps cookies and follows nothing by itself."""

    def __init__(self, services: Services) -> None:
        transport = httpx2.ASGITransport(create_app(services=services))
        self.http = httpx2.AsyncClient(transport=transport, base_url=ISSUER)

    async def sign_in(self, email: str = "petra@example.com") -> None:
        """By a password, as a page's script would."""
        body = {"email": email, "password": PASSWORD}
        answer = await self.http.post("/auth/login?transport=cookie", json=body, headers={"Origin": ISSUER})
        assert answer.status_code == 200, answer.text

    async def go(self, client_id: str, **changed: str | None) -> httpx2.Response:
        """Go where a client sends it."""
        return await self.http.get(AUTHORIZE, params=asked(client_id, **changed))

    async def get(self, path: str) -> httpx2.Response:
        """Follow a redirect of ours."""
        assert path.startswith("/"), path
        return await self.http.get(path)

    async def answer_question(self, page: httpx2.Response, decision: str = "allow", **changed: str) -> httpx2.Response:
        """Press a button of the consent page."""
        assert page.status_code == 200, page.text
        fields = dict(re.findall(r'name="(flow|csrf_token)" value="([^"]+)"', page.text))
        return await self.http.post(
            "/oauth/consent", data={**fields, "decision": decision, **changed}, headers=FROM_OUR_PAGE
        )


def members(answer: httpx2.Response, *, at: str = CALLBACK, mode: str = "query") -> Mapping[str, str]:
    """The parameters of an answer to the client, checked to go to it and to say who answers."""
    assert answer.status_code == 303, (answer.status_code, answer.text)
    location = answer.headers["location"]
    parts = urlsplit(location)
    encoded = parts.fragment if mode == "fragment" else parts.query
    assert location == f"{at}{'#' if mode == 'fragment' else '?'}{encoded}", location
    found = dict(parse_qsl(encoded, strict_parsing=True))
    assert found["iss"] == ISSUER
    return found


def error_of(answer: httpx2.Response, **where: Any) -> str:
    """The error that goes back to the client; never with a code."""
    found = members(answer, **where)
    assert "code" not in found
    assert found["error_description"]
    return found["error"]


async def redeemed(browser: Browser, made: NewCredentials, answered: httpx2.Response) -> dict[str, Any]:
    """The tokens that a public client gets for the code in an answer."""
    form = {
        "grant_type": "authorization_code",
        "code": members(answered)["code"],
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": made.client_id,
    }
    answer = await browser.http.post("/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refreshed(browser: Browser, made: NewCredentials, tokens: dict[str, Any]) -> httpx2.Response:
    """What a public client is answered when it refreshes."""
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": made.client_id}
    return await browser.http.post("/oauth/token", data=form)
