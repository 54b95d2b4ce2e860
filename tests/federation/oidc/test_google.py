"""Sign in with Google: by a stand-in, and by Google's own metadata as it is published."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.federation.connector import Connection, Policy, Refusal
from app.protocols.oidc.upstream_metadata import read_metadata
from tests.federation.oidc.google import PUBLISHED, google
from tests.federation.oidc.provider import LEAVE_OUT, Provider, answering, serving
from tests.federation.oidc.relying_party import RelyingParty, connection_to

pytestmark = pytest.mark.anyio

CONFIGURATION = "/.well-known/openid-configuration"


@pytest.fixture
async def stand_in(provider_key: Any) -> AsyncIterator[Provider]:
    async with serving(google(key=provider_key)) as provider:
        yield provider


def connection(stand_in: Provider, *, policy: Policy | None = None, **config: Any) -> Connection:
    """As GOOGLE__METADATA_URL, GOOGLE__CLIENT_ID and GOOGLE__CLIENT_SECRET make it."""
    return connection_to(
        stand_in, preset="google", policy=policy, metadata_url=stand_in.issuer + CONFIGURATION, **config
    )


def test_googles_own_metadata_is_understood_though_it_names_four_hosts():
    metadata = read_metadata(
        PUBLISHED, issuer="https://accounts.google.com", metadata_url=f"https://accounts.google.com{CONFIGURATION}"
    )
    assert metadata.jwks_uri == "https://www.googleapis.com/oauth2/v3/certs"
    assert metadata.token_endpoint == "https://oauth2.googleapis.com/token"
    assert not metadata.announces_iss


async def test_a_person_signs_in_with_google_by_one_request(stand_in: Provider, rp: RelyingParty):
    await rp.sign_in(stand_in, connection(stand_in))
    stand_in.requests.clear()
    identity = await rp.sign_in(stand_in, connection(stand_in))
    assert stand_in.requests == ["/token"]
    assert (identity.issuer, identity.subject) == (stand_in.issuer, "110169484474386276334")
    assert (identity.email, identity.email_verified) == ("jane@corp.example", True)
    assert (identity.session, identity.authenticated_at, identity.refresh_token) == (None, None, None)
    assert (await rp.connector.test(connection(stand_in))).failed is None


async def test_the_hosted_domain_in_the_address_means_nothing(stand_in: Provider, rp: RelyingParty):
    admitting = connection(stand_in, hosted_domains=["corp.example"])
    assert (await rp.sign_in(stand_in, admitting)).claims["hd"] == "corp.example"
    # A private account: Google sends no `hd` for it, whatever the person writes into the address.
    stand_in.id_token_changes |= {"hd": LEAVE_OUT, "email": "jane@gmail.com"}
    await rp.refused(stand_in, Refusal.NOT_ALLOWED, "id_token: hd", connection=admitting)


async def test_google_does_not_say_when_somebody_signed_in_there(stand_in: Provider, rp: RelyingParty):
    await rp.refused(stand_in, Refusal.FORGED, "id_token: auth_time", connection=connection(stand_in), max_age=60)
    assert (await rp.sign_in(stand_in, connection(stand_in), prompts_again=True)).subject
    assert stand_in.asked[-1]["prompt"] == "select_account"


async def test_googles_refusals_are_explained(stand_in: Provider, rp: RelyingParty):
    for answer, said in (
        (answering(401, error="invalid_client", error_description="The OAuth client was not found."), "client id or"),
        (answering(400, error="redirect_uri_mismatch", error_description="Bad Request"), "letter by letter"),
    ):
        stand_in.answers = {"/token": answer}
        failed = (await rp.connector.test(connection(stand_in))).failed
        assert failed is not None
        assert failed.name == "client"
        assert said in str(failed.received)
