"""A whole sign-in at a well-behaved provider."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from app.federation.connector import Asked, Policy, Rule
from tests.federation.oidc.provider import LEAVE_OUT, Provider
from tests.federation.oidc.relying_party import CALLBACK, RelyingParty, connection_to

pytestmark = pytest.mark.anyio


async def test_a_person_of_a_provider_is_known_by_issuer_and_subject(provider: Provider, rp: RelyingParty):
    identity = await rp.sign_in(provider)
    assert (identity.issuer, identity.subject) == (provider.issuer, "248289761001")
    assert (identity.email, identity.email_verified, identity.name) == ("jane@corp.example", True, "Jane Doe")
    assert identity.session == "upstream-session"
    assert identity.authenticated_at is not None
    assert abs((datetime.now(UTC) - identity.authenticated_at).total_seconds()) < 300
    assert "nonce" not in identity.claims
    assert identity.refresh_token is None
    assert rp.trace.failed is None
    assert [check.name for check in rp.trace.checks] == [
        *("connection", "discovery", "iss", "code", "token endpoint", "id_token", "id_token: form", "id_token: alg"),
        *("id_token: typ", "id_token: key", "id_token: signature", "id_token: iss", "id_token: aud", "id_token: azp"),
        *("id_token: exp", "id_token: iat", "id_token: nonce", "id_token: sub"),
    ]


async def test_the_request_carries_state_nonce_and_a_challenge_by_s256(provider: Provider, rp: RelyingParty):
    connection = connection_to(provider, parameters={"ui": "dark"})
    asked = Asked(state="f_1", login_hint="jane@corp.example", max_age=60, prompts_again=True, ui_locales="de en")
    departure = await rp.connector.begin(connection, asked)
    query = {name: values[0] for name, values in parse_qs(urlsplit(departure.url).query).items()}
    assert departure.url.startswith(f"{provider.issuer}/authorize?")
    assert query.pop("nonce") == departure.kept["nonce"]
    assert len(query.pop("code_challenge")) == 43
    assert query == {
        "response_type": "code",
        "client_id": "rp",
        "redirect_uri": CALLBACK,
        "scope": "openid email profile",
        "state": "f_1",
        "code_challenge_method": "S256",
        "login_hint": "jane@corp.example",
        "max_age": "60",
        "prompt": "login",
        "ui_locales": "de en",
        "ui": "dark",
    }
    assert departure.kept["code_verifier"] not in departure.url


async def test_parallel_tabs_each_get_what_is_theirs(provider: Provider, rp: RelyingParty):
    connection = connection_to(provider)
    tabs = [await rp.connector.begin(connection, Asked(state=f"f_{tab}")) for tab in range(3)]
    assert len({tab.kept["nonce"] for tab in tabs}) == len({tab.kept["code_verifier"] for tab in tabs}) == 3
    answers = [await provider.visit(tab.url) for tab in tabs]
    for tab, answer in reversed(list(zip(tabs, answers, strict=True))):
        identity = await rp.connector.complete(connection, tab.kept, answer, rp.trace)
        assert identity.subject == "248289761001"


async def test_a_warm_sign_in_makes_one_request_and_two_with_userinfo(provider: Provider, rp: RelyingParty):
    await rp.sign_in(provider)
    assert provider.requests == ["/.well-known/openid-configuration", "/token", "/jwks"]
    provider.requests.clear()
    await rp.sign_in(provider)
    assert provider.requests == ["/token"]
    provider.thin_id_token = True
    provider.requests.clear()
    identity = await rp.sign_in(provider)
    assert provider.requests == ["/token", "/userinfo"]
    assert (identity.email, identity.email_verified, identity.name) == ("jane@corp.example", True, "Jane Doe")


async def test_userinfo_is_asked_for_what_rules_read_and_as_the_connection_says(provider: Provider, rp: RelyingParty):
    rules = Policy(rules=(Rule(claim="realm_access.roles", value="boss", groups=("bosses",)),))
    provider.userinfo_changes = {"realm_access": {"roles": ["boss"]}}
    identity = await rp.sign_in(provider, connection_to(provider, policy=rules))
    assert identity.claims["realm_access"] == {"roles": ["boss"]}
    never = await rp.sign_in(provider, connection_to(provider, policy=rules, userinfo="never"))
    assert "realm_access" not in never.claims
    provider.requests.clear()
    await rp.sign_in(provider, connection_to(provider, userinfo="always"))
    assert provider.requests == ["/token", "/userinfo"]


async def test_userinfo_may_be_signed(provider: Provider, rp: RelyingParty):
    provider.thin_id_token = provider.signs_userinfo = True
    identity = await rp.sign_in(provider)
    assert identity.email == "jane@corp.example"
    assert "userinfo: signature" in {check.name for check in rp.trace.checks}


async def test_a_refresh_token_is_asked_for_and_kept_only_where_the_policy_says_so(
    provider: Provider, rp: RelyingParty
):
    provider.token_changes = {"refresh_token": "unasked"}
    assert (await rp.sign_in(provider)).refresh_token is None
    provider.token_changes = {}
    keeping = await rp.sign_in(provider, connection_to(provider, policy=Policy(keeps_refresh_token=True)))
    assert keeping.refresh_token
    assert provider.asked[-1]["scope"] == "openid email profile offline_access"


async def test_a_public_client_and_one_that_posts_its_secret_are_understood(provider: Provider, rp: RelyingParty):
    posted = connection_to(provider, token_endpoint_auth_method="client_secret_post")
    assert (await rp.sign_in(provider, posted)).subject == "248289761001"
    provider.metadata_changes = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await rp.sign_in(provider)).subject == "248289761001"
    provider.metadata_changes = {"token_endpoint_auth_methods_supported": LEAVE_OUT}
    assert (await rp.sign_in(provider)).subject == "248289761001"
