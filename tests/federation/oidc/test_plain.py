"""Providers without ID tokens: GitHub, and any other by its addresses."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.federation.connector import Asked, ConnectorKind, Refusal
from tests.federation.oidc.provider import LEAVE_OUT, Answering, Provider, answering, html, huge
from tests.federation.oidc.relying_party import RelyingParty, connection_to

pytestmark = pytest.mark.anyio


def github(provider: Provider, **changes: Any) -> Any:
    connection = connection_to(provider, preset="github", url=provider.issuer)
    return replace(connection, kind=ConnectorKind.OAUTH2, **changes)


def like_github(provider: Provider, **profile: Any) -> None:
    provider.answers = {
        "/login/oauth/authorize": provider._authorize,
        "/login/oauth/access_token": provider._token,
        "/api/v3/user": answering(200, **{"id": 583231, "login": "octocat", "email": "shown@evil.example"} | profile),
        "/api/v3/user/emails": emails(
            {"email": "old@corp.example", "primary": False, "verified": True},
            {"email": "octo@corp.example", "primary": True, "verified": True},
        ),
    }
    provider.token_changes = {"id_token": LEAVE_OUT, "scope": "read:user,user:email"}


def emails(*listed: dict[str, Any], status: int = 200) -> Answering:
    async def answer(_: Request) -> Response:
        return JSONResponse(list(listed), status)

    return answer


async def test_github_is_known_by_its_number_and_its_primary_verified_address(provider: Provider, rp: RelyingParty):
    like_github(provider, name="Octo Cat", avatar_url="https://avatars.example.com/1")
    identity = await rp.sign_in(provider, github(provider))
    assert (identity.issuer, identity.subject) == (provider.issuer, "583231")
    assert (identity.email, identity.email_verified) == ("octo@corp.example", True)
    assert identity.name == "Octo Cat"
    assert provider.requests == ["/login/oauth/access_token", "/api/v3/user", "/api/v3/user/emails"]
    assert provider.asked[-1]["scope"] == "read:user user:email"


@pytest.mark.attack("RPF-07")
async def test_no_address_of_github_counts_that_is_not_primary_and_verified(provider: Provider, rp: RelyingParty):
    like_github(provider)
    for answer in (
        emails({"email": "octo@corp.example", "primary": True, "verified": False}),
        emails({"email": "octo@corp.example", "primary": True, "verified": "true"}),
        emails({"email": "octo@corp.example", "primary": False, "verified": True}),
        emails({"email": 7, "primary": True, "verified": True}),
        emails(),
        emails(status=404),
        emails(status=403),
    ):
        provider.answers["/api/v3/user/emails"] = answer
        identity = await rp.sign_in(provider, github(provider))
        assert (identity.email, identity.email_verified) == (None, False)


async def test_a_plain_provider_that_answers_oddly_signs_nobody_in(provider: Provider, rp: RelyingParty):
    for path, answer, refusal, check in (
        ("/api/v3/user", answering(200, login="octocat"), Refusal.BROKEN, "profile: subject"),
        ("/api/v3/user", answering(200, id=True), Refusal.BROKEN, "profile: subject"),
        ("/api/v3/user", answering(200, id=""), Refusal.BROKEN, "profile: subject"),
        ("/api/v3/user", answering(401), Refusal.BROKEN, "profile"),
        ("/api/v3/user", html, Refusal.BROKEN, "profile"),
        ("/api/v3/user/emails", html, Refusal.BROKEN, "addresses"),
        ("/api/v3/user/emails", answering(500), Refusal.UNREACHABLE, "addresses"),
        ("/login/oauth/access_token", answering(200, error="bad_verification_code"), Refusal.FORGED, "token endpoint"),
        ("/login/oauth/access_token", huge, Refusal.BROKEN, "token endpoint"),
    ):
        like_github(provider)
        provider.answers[path] = answer
        await rp.refused(provider, refusal, check, connection=github(provider))
    like_github(provider)
    provider.callback_changes = {"code": LEAVE_OUT, "error": "access_denied"}
    await rp.refused(provider, Refusal.CANCELLED, "code", connection=github(provider))


async def test_any_plain_provider_is_described_by_its_addresses_and_names(provider: Provider, rp: RelyingParty):
    config = {
        "client_id": provider.client_id,
        "authorization_endpoint": f"{provider.issuer}/authorize",
        "token_endpoint": f"{provider.issuer}/token",
        "profile_endpoint": f"{provider.issuer}/userinfo",
        "subject_member": "sub",
        "claims": {"name": "given_name", "email": "email"},
    }
    connection = replace(connection_to(provider), kind=ConnectorKind.OAUTH2, config=config)
    identity = await rp.sign_in(provider, connection)
    assert (identity.issuer, identity.subject, identity.name) == (provider.issuer, "248289761001", "Jane")
    # Nobody said how the address is verified, so that it is not.
    assert (identity.email, identity.email_verified) == ("jane@corp.example", False)


async def test_a_plain_sign_in_carries_state_and_a_challenge(provider: Provider, rp: RelyingParty):
    departure = await rp.connector.begin(github(provider), Asked(state="f_1", login_hint="octocat"))
    assert "state=f_1" in departure.url
    assert "code_challenge_method=S256" in departure.url
    assert "login=octocat" in departure.url
    assert "nonce" not in departure.kept


@pytest.mark.attack("RPF-07")
async def test_what_a_profile_says_of_its_address_counts_by_whatever_name(provider: Provider, rp: RelyingParty):
    """A domain that the operator gave to the provider vouches only where the provider is silent."""
    like_github(provider)
    connection = connection_to(
        provider,
        preset="",
        issuer=provider.issuer,
        authorization_endpoint=f"{provider.issuer}/login/oauth/authorize",
        token_endpoint=f"{provider.issuer}/login/oauth/access_token",
        profile_endpoint=f"{provider.issuer}/api/v3/user",
        claims={"email": "email", "email_verified": "mail_confirmed"},
    )
    connection = replace(connection, kind=ConnectorKind.OAUTH2, preset=None)
    for said, shown in ((LEAVE_OUT, None), (False, False), (True, True)):
        confirmed = {} if said is LEAVE_OUT else {"mail_confirmed": said}
        provider.answers["/api/v3/user"] = answering(200, id=7, email="jo@corp.example", **confirmed)
        identity = await rp.sign_in(provider, connection)
        assert identity.claims.get("email_verified") is shown
        assert identity.email_verified is (said is True)
