"""A provider tells us that a session there is over."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.federation.connector import ConnectorKind, Refusal, SignInRefused
from app.protocols.trace import Trace
from tests.federation.oidc.provider import LEAVE_OUT, LOGOUT_EVENT, Provider, encoded, new_key
from tests.federation.oidc.relying_party import RelyingParty, connection_to

pytestmark = pytest.mark.anyio


async def refused(rp: RelyingParty, provider: Provider, raw: str, check: str) -> None:
    trace = Trace()
    with pytest.raises(SignInRefused) as refusal:
        await rp.connector.logged_out(connection_to(provider), raw, trace)
    assert trace.failed is not None, refusal.value
    assert trace.failed.name == f"logout_token: {check}", (raw, trace.failed)
    assert refusal.value.refusal == Refusal.FORGED


async def test_a_logout_token_names_the_session_that_is_over(provider: Provider, rp: RelyingParty):
    logout = await rp.connector.logged_out(connection_to(provider), provider.logout_token(jti="once"))
    assert (logout.issuer, logout.subject, logout.session) == (provider.issuer, "248289761001", "upstream-session")
    assert logout.jti == "once"
    assert logout.issued_at is not None
    assert abs((datetime.now(UTC) - logout.issued_at).total_seconds()) < 300
    of_all = await rp.connector.logged_out(connection_to(provider), provider.logout_token(sid=LEAVE_OUT))
    assert (of_all.subject, of_all.session) == ("248289761001", None)
    of_one = await rp.connector.logged_out(connection_to(provider), provider.logout_token(sub=LEAVE_OUT))
    assert (of_one.subject, of_one.session) == (None, "upstream-session")


@pytest.mark.spec("OpenID Connect Back-Channel Logout 1.0 §2.6")
async def test_a_logout_token_with_a_wrong_claim_ends_nothing(provider: Provider, rp: RelyingParty):
    now = int(rp.clock.now().timestamp())
    cases: list[tuple[str, dict[str, Any]]] = [
        ("iss", {"iss": "https://evil.example"}),
        ("aud", {"aud": "another-client"}),
        ("azp", {"aud": ["rp", "another-client"]}),
        ("exp", {"exp": now - 60}),
        ("exp", {"exp": LEAVE_OUT}),
        ("iat", {"iat": now - 3600}),
        ("iat", {"iat": LEAVE_OUT}),
        ("events", {"events": LEAVE_OUT}),
        ("events", {"events": {}}),
        ("events", {"events": [LOGOUT_EVENT]}),
        ("events", {"events": {LOGOUT_EVENT: True}}),
        ("nonce", {"nonce": "n"}),
        ("nonce", {"nonce": None}),
        ("jti", {"jti": LEAVE_OUT}),
        ("jti", {"jti": ""}),
        ("sub or sid", {"sub": LEAVE_OUT, "sid": LEAVE_OUT}),
        ("sub or sid", {"sub": 7}),
        ("sub or sid", {"sid": ""}),
    ]
    for claim, changes in cases:
        await refused(rp, provider, provider.logout_token(**changes), claim)


async def test_a_logout_token_is_signed_by_the_provider_and_of_its_own_kind(provider: Provider, rp: RelyingParty):
    good = provider.logout_token()
    head, body, signature = good.split(".")
    await refused(rp, provider, f"{encoded({'alg': 'none', 'typ': 'logout+jwt'})}.{body}.", "alg")
    await refused(rp, provider, f"{head}.{encoded({'sub': 'admin'})}.{signature}", "signature")
    await refused(rp, provider, "x" * 70_000, "form")
    provider.header_changes = {"typ": "at+jwt"}
    await refused(rp, provider, provider.logout_token(), "typ")
    provider.header_changes = {}
    provider.signs_with = new_key(str(provider.key.kid))
    await refused(rp, provider, provider.logout_token(), "signature")
    provider.signs_with = None
    # Keycloak and others wrote JWT before the specification was final.
    provider.header_changes = {"typ": "JWT"}
    assert (await rp.connector.logged_out(connection_to(provider), provider.logout_token())).session


async def test_an_id_token_is_no_logout_token(provider: Provider, rp: RelyingParty):
    now = int(rp.clock.now().timestamp())
    claims = {"iss": provider.issuer, "aud": "rp", "iat": now, "exp": now + 60, "sub": "1", "nonce": "n", "jti": "j"}
    await refused(rp, provider, provider.sign(claims), "events")


async def test_forged_logout_tokens_cause_few_fetches(provider: Provider, rp: RelyingParty):
    for number in range(10):
        provider.header_changes = {"kid": f"unknown-{number}"}
        await refused(rp, provider, provider.logout_token(), "key")
    assert provider.requests.count("/jwks") <= 2


async def test_a_plain_provider_has_no_logout_tokens(provider: Provider, rp: RelyingParty):
    plain = replace(connection_to(provider), kind=ConnectorKind.OAUTH2)
    with pytest.raises(SignInRefused):
        await rp.connector.logged_out(plain, provider.logout_token())


async def test_a_token_by_a_key_that_no_set_can_hold_is_not_looked_for(provider: Provider, rp: RelyingParty):
    """Anybody may send one: its name is neither asked for nor remembered."""
    await rp.sign_in(provider)
    provider.requests.clear()
    provider.header_changes = {"kid": "k" * 257}
    await refused(rp, provider, provider.logout_token(), "key")
    assert provider.requests == []
