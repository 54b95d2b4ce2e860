"""Authlib's client of OpenID Connect, on requests: what its Flask and Django clients are made of."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.integrations.base_client import FrameworkIntegration, OAuthError
from authlib.integrations.base_client.sync_app import BaseApp, OAuth2Mixin
from authlib.integrations.base_client.sync_openid import OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session

from tests.interop.person import Person
from tests.interop.site import Persons, Site

pytestmark = pytest.mark.anyio

CALLBACK = "http://localhost:9/authlib"
GOODBYE = "http://localhost:9/goodbye"


class App(OAuth2Mixin, OpenIDMixin, BaseApp):
    """The client as Authlib's integrations put it together."""

    client_cls = OAuth2Session


class Integration(FrameworkIntegration):
    """A framework that keeps the tokens which Authlib renews by itself."""

    def update_token(self, token: dict[str, object], refresh_token: str | None = None, access_token: str | None = None):
        """Nothing to store: the test holds them."""


async def signed_in(app: App, person: Person) -> dict[str, object]:
    """The tokens of one sign-in, with the claims of the ID token as Authlib has checked them."""
    asked = await asyncio.to_thread(app.create_authorization_url, CALLBACK)
    arrived = dict(parse_qsl(urlsplit((await person.visit(asked["url"])).url).query))
    assert arrived["state"] == asked["state"]
    token = await asyncio.to_thread(
        app.fetch_access_token, CALLBACK, code=arrived["code"], code_verifier=asked["code_verifier"]
    )
    claims = await asyncio.to_thread(app.parse_id_token, token, asked["nonce"])
    return {**token, "claims": claims}


async def test_authlib_signs_in_refreshes_inspects_and_leaves(site: Site, persons: Persons):
    tess = await persons.sign_up("tess.python@example.com", name="Tess")
    made = await site.register(redirect_uris=(CALLBACK,), post_logout_redirect_uris=(GOODBYE,))
    app = App(
        Integration("service"),
        client_id=made.client_id,
        client_secret=made.raw_secret,
        server_metadata_url=f"{site.url}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
    )
    token = await signed_in(app, tess)
    person = await asyncio.to_thread(app.userinfo, token=token)
    assert (person["sub"], person["email"], person["name"]) == (token["claims"]["sub"], tess.email, "Tess")
    await asyncio.to_thread(_work_with, app, token)
    leaving = app.create_logout_url(GOODBYE, id_token_hint=token["id_token"])
    assert (await tess.visit(leaving["url"])).url == f"{GOODBYE}?state={leaving['state']}"


def _work_with(app: App, token: dict[str, object]) -> None:
    """Refresh, look into the tokens, and end them."""
    metadata = app.load_server_metadata()
    with app._get_oauth_client(**metadata) as session:
        renewed = session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
        assert renewed["access_token"] != token["access_token"]
        seen = session.introspect_token(metadata["introspection_endpoint"], token=renewed["access_token"]).json()
        assert (seen["active"], seen["sub"]) == (True, token["claims"]["sub"])
        ended = session.revoke_token(metadata["revocation_endpoint"], token=renewed["refresh_token"])
        assert ended.status_code == 200
        with pytest.raises(OAuthError, match="invalid_grant"):
            session.refresh_token(metadata["token_endpoint"], refresh_token=renewed["refresh_token"])
