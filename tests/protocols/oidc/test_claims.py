"""Pure rules of OpenID Connect: the specs' vectors, and what expressions may say."""

from datetime import UTC, datetime

import pytest

from app.protocols.jose.algorithms import Algorithm
from app.protocols.oauth import pkce
from app.protocols.oidc.claim_expression import ExpressionRefused, fault_of, mapped_claims
from app.protocols.oidc.id_token import SignedIn, at_hash, id_token_claims
from app.protocols.oidc.person import Person, asked_claims, userinfo_claims

WHEN = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANN = Person(
    sub="s-1",
    email="ann@example.com",
    email_verified=True,
    name="Ann Lee",
    locale="de",
    updated_at=WHEN,
    attributes={"department": "Sales", "level": 3, "phone_number": "+49 30 1", "address": "Main St 1", "secret": "x"},
    groups=("ops", "staff"),
    roles=("clerk",),
)


@pytest.mark.spec("RFC 7636 Appendix B")
def test_the_verifier_of_the_specification_answers_its_challenge() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert pkce.challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert pkce.is_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")


@pytest.mark.attack("TOK-05")
@pytest.mark.spec("RFC 7636 §4.1")
@pytest.mark.parametrize(
    "verifier", ["", "a" * 42, "a" * 129, "a" * 42 + " ", "a" * 42 + "+", "é" * 43, "a" * 43 + "\n"]
)
def test_what_is_no_verifier_answers_no_challenge(verifier: str) -> None:
    assert pkce.challenge_of(verifier) is None


@pytest.mark.parametrize("text", ["", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN", "a" * 42, "a" * 44, "=" * 43])
def test_what_is_no_hash_is_no_challenge(text: str) -> None:
    assert not pkce.is_challenge(text)


@pytest.mark.spec("OpenID Connect Core §3.1.3.6")
def test_the_access_tokens_hash_is_that_of_the_specification() -> None:
    # The example of OpenID Connect Core, appendix A.3 and A.4.
    token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
    assert at_hash(token, Algorithm.RS256) == "77QmUPtjPfzWtF2AnpK9RQ"
    assert at_hash(token, Algorithm.ES256) == "77QmUPtjPfzWtF2AnpK9RQ"
    assert len(at_hash(token, Algorithm.EDDSA)) == 43


@pytest.mark.spec("OpenID Connect Core §2")
def test_nothing_takes_the_place_of_what_an_id_token_vouches_for() -> None:
    signed_in = SignedIn(auth_time=WHEN, acr="aal2", amr=("pwd", "otp", "mfa"), sid="sid-1")
    claims = id_token_claims(
        issuer="https://auth.example",
        sub="s-1",
        client_id="c_1",
        now=WHEN,
        lifetime_seconds=600,
        signed_in=signed_in,
        nonce="n-1",
        more={"sub": "mallory", "acr": "phr", "nonce": "other", "team": "blue"},
    )
    moment = int(WHEN.timestamp())
    assert claims == {
        "team": "blue",
        "iss": "https://auth.example",
        "sub": "s-1",
        "aud": "c_1",
        "azp": "c_1",
        "iat": moment,
        "exp": moment + 600,
        "auth_time": moment,
        "acr": "aal2",
        "amr": ["pwd", "otp", "mfa"],
        "sid": "sid-1",
        "nonce": "n-1",
    }


@pytest.mark.spec("OpenID Connect Core §5.4")
def test_scopes_open_their_claims() -> None:
    assert userinfo_claims(ANN, ["openid"], {}) == {"sub": "s-1"}
    assert userinfo_claims(ANN, ["openid", "profile"], {}) == {
        "sub": "s-1",
        "name": "Ann Lee",
        "locale": "de",
        "updated_at": int(WHEN.timestamp()),
    }
    assert userinfo_claims(ANN, ["email", "phone", "address", "groups", "roles"], {}) == {
        "sub": "s-1",
        "email": "ann@example.com",
        "email_verified": True,
        "phone_number": "+49 30 1",
        "address": {"formatted": "Main St 1"},
        "groups": ["ops", "staff"],
        "roles": ["clerk"],
    }
    assert userinfo_claims(ANN, ["openid"], {"name": None, "secret": None}) == {"sub": "s-1", "name": "Ann Lee"}
    assert asked_claims(ANN, {"email": {"essential": True}, "exp": None}) == {"email": "ann@example.com"}


def test_expressions_say_what_they_mean() -> None:
    for expression, value in (
        ("user.name", "Ann Lee"),
        ('"fixed \\"text\\""', 'fixed "text"'),
        ("42", 42),
        ("true", True),
        ("user.attributes.department", "Sales"),
        ("user.attributes.level", 3),
        ('user.attributes.nothing or "none"', "none"),
        ("lower(user.attributes.department)", "sales"),
        ("upper(user.email)", "ANN@EXAMPLE.COM"),
        ('join(user.groups, ",")', "ops,staff"),
        ('concat("team-", lower(user.attributes.department))', "team-sales"),
        ('has(user.groups, "ops")', True),
        ('when(has(user.groups, "root"), "Admin", "Viewer")', "Viewer"),
        ('when(equals(user.attributes.level, 3), list("a", user.locale))', ["a", "de"]),
    ):
        assert fault_of(expression) is None, expression
        assert mapped_claims({"team": expression}, ANN) == {"team": value}, expression
    for expression in ("user.attributes.nothing", "lower(user.groups)", 'when(false, "x")', 'concat(user.groups, "x")'):
        assert fault_of(expression) is None, expression
        assert mapped_claims({"team": expression}, ANN) == {}, expression


@pytest.mark.attack("OIP-08")
def test_expressions_have_no_way_out() -> None:
    refused = (
        *("", "user", "user.", "user.password", "user.attributes", "user.attributes.", "user.attributes.a.b"),
        *("user.attributes.__class__", "__import__", "eval(user.name)", "lower()", "lower(user.name", 'has("a")'),
        *("user.name user.name", 'user.name + "x"', "user.name or", '"open', "'single'", "1e9", "[1]", "lower" * 200),
        "lower(" * 12 + "user.name" + ")" * 12,
    )
    for expression in refused:
        assert fault_of(expression) is not None, expression
        assert mapped_claims({"team": expression}, ANN) == {}, expression
    for name in ("sub", "iss", "aud", "exp", "acr", "amr", "sid", "nonce", "scope", "email_verified"):
        assert mapped_claims({name: '"x"'}, ANN) == {}, name
    assert issubclass(ExpressionRefused, ValueError)
