"""panva/oidc-provider as the provider that our people come from."""

import asyncio
from dataclasses import replace

import pytest

from app.federation.connector import Asked, Connection, ConnectorKind, Policy
from app.federation.oidc.client_key import published_keys, read_client_keys
from app.protocols.trace import Trace
from tests.federation.oidc.client_keys import ALGORITHMS as KEY_ALGORITHMS
from tests.federation.oidc.client_keys import new_private_key, pem
from tests.federation.oidc.relying_party import CALLBACK, RelyingParty, relying_party
from tests.interop.upstream import ForeignBrowser, node_provider, told
from tools.npm_install import NodeEnvironment

pytestmark = pytest.mark.anyio

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
SECRET = "of/our+client:there"
ACCOUNT = {"email": "jane@corp.example", "email_verified": True, "name": "Jane Doe"}


async def test_its_people_sign_in_by_every_algorithm_and_it_tells_when_they_are_gone(node: NodeEnvironment):
    keys = {alg: pem(new_private_key(alg)) for alg in KEY_ALGORITHMS}
    async with told() as (logout_uri, received), relying_party() as rp:
        given = {
            "client_id": "rp",
            "client_secret": SECRET,
            "redirect_uri": CALLBACK,
            "logout_uri": logout_uri,
            "account": ACCOUNT,
            "algorithms": ALGORITHMS,
            "client_keys": {alg: published_keys(read_client_keys(own), chosen=alg) for alg, own in keys.items()},
        }
        async with node_provider(node, given) as issuer:
            for alg in ALGORITHMS:
                async with browser_of_jane() as browser:
                    await signs_in(rp, connection_at(issuer, alg), alg, browser)
            for alg, own in keys.items():
                async with browser_of_jane() as browser:
                    await signs_in(rp, keyed_at(issuer, alg, own), "RS256", browser)
            await signs_out(rp, issuer, received)


def connection_at(issuer: str, alg: str) -> Connection:
    return Connection(
        id="node",
        name="Node",
        kind=ConnectorKind.OIDC,
        preset=None,
        config={"issuer": issuer, "client_id": f"rp-{alg}"},
        secret=SECRET,
        policy=Policy(),
        version=1,
        callback_url=CALLBACK,
    )


def keyed_at(issuer: str, alg: str, own: str) -> Connection:
    config = {"issuer": issuer, "client_id": f"rp-by-{alg}", "token_endpoint_auth_signing_alg": alg}
    return replace(connection_at(issuer, alg), config=config, secret=own)


def browser_of_jane() -> ForeignBrowser:
    return ForeignBrowser(CALLBACK, {"login": "jane", "password": "any"})


async def signs_in(rp: RelyingParty, connection: Connection, alg: str, browser: ForeignBrowser) -> None:
    issuer = connection.config["issuer"]
    tried = await rp.connector.test(connection)
    assert tried.failed is None, tried.failed
    departure = await rp.connector.begin(connection, Asked(state="f_1", max_age=300))
    answer = await browser.visit(departure.url)
    assert answer["iss"] == issuer
    trace = Trace()
    identity = await rp.connector.complete(connection, departure.kept, answer, trace)
    assert (identity.issuer, identity.subject) == (issuer, "jane")
    assert (identity.email, identity.email_verified, identity.name) == ("jane@corp.example", True, "Jane Doe")
    assert identity.authenticated_at is not None
    checks = {check.name: check.received for check in trace.checks}
    assert alg in str(checks["id_token: signature"])
    assert ("userinfo: signature" in checks) is (alg == "PS256")


async def signs_out(rp: RelyingParty, issuer: str, received: "asyncio.Queue[str]") -> None:
    """End the session there, by the page that asks whether one is sure."""
    async with browser_of_jane() as browser:
        await signs_in(rp, connection_at(issuer, "RS256"), "RS256", browser)
        page = await browser.http.get(f"{issuer}/session/end")
        xsrf = page.text.partition('name="xsrf" value="')[2].partition('"')[0]
        await browser.http.post(f"{issuer}/session/end/confirm", data={"xsrf": xsrf, "logout": "yes"})
        async with asyncio.timeout(60):
            raw = await received.get()
    logout = await rp.connector.logged_out(connection_at(issuer, "RS256"), raw)
    assert (logout.issuer, logout.subject) == (issuer, "jane")
    assert logout.session
