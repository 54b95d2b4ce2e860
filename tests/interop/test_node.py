"""Clients on Node, each in one process of its own."""

import pytest
from joserfc.jwk import ECKey

from app.protocols.oauth.registration import AuthMethod
from tests.interop.judge import judged
from tests.interop.site import Persons, Site
from tools.npm_install import NodeEnvironment

pytestmark = pytest.mark.anyio

CALLBACK = "http://localhost:9/callback"
GOODBYE = "http://localhost:9/goodbye"


async def registered(site: Site, **stated: object) -> dict[str, object]:
    made = await site.register(redirect_uris=(CALLBACK,), post_logout_redirect_uris=(GOODBYE,), **stated)
    return {
        "client_id": made.client_id,
        "client_secret": made.raw_secret,
        "redirect_uri": CALLBACK,
        "post_logout_redirect_uri": GOODBYE,
    }


async def machine(site: Site) -> dict[str, object]:
    """A client that proves itself by a key of its own."""
    key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, auto_kid=True)
    made = await site.register(
        grant_types=("client_credentials",),
        targets={"orders-api": ("orders:read",)},
        auth_method=AuthMethod.PRIVATE_KEY_JWT,
        jwks={"keys": [key.as_dict(private=False)]},
    )
    return {"client_id": made.client_id, "jwk": key.as_dict(private=True)}


async def test_openid_client_finds_everything_right(site: Site, persons: Persons, node: NodeEnvironment):
    tess = await persons.sign_up("tess@example.com", name="Tess")
    given = {
        "issuer": site.url,
        "app": await registered(site),
        "machine": await machine(site),
        "email": tess.email,
    }
    found = await judged(node, "openid-client.mjs", given, tess)
    assert len(found) == 13, found
    # Asked once, and remembered, until it asks for more.
    assert tess.pressed == ["allow", "deny"]


async def test_oauth4webapi_finds_everything_right(site: Site, persons: Persons, node: NodeEnvironment):
    tess = await persons.sign_up("tess.strict@example.com")
    app = await registered(site, auth_method=AuthMethod.POST, targets={"orders-api": ("orders:read",)})
    given = {"issuer": site.url, "app": app, "email": tess.email}
    found = await judged(node, "oauth4webapi.mjs", given, tess)
    assert len(found) == 11, found
