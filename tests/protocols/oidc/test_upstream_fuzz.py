"""Whatever a provider sends, our readers answer with a refusal of theirs and with nothing else."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.protocols.jose import base64url
from app.protocols.jose.compact import MalformedToken
from app.protocols.jose.jwk import UnsuitableKey
from app.protocols.jose.upstream_keys import read_upstream_keys
from app.protocols.oidc.upstream_logout import check_logout_token
from app.protocols.oidc.upstream_metadata import MetadataRefused, read_metadata
from app.protocols.oidc.upstream_token import (
    ExpectedToken,
    IssuerRule,
    TokenRefused,
    check_header,
    check_id_token,
    read_signed,
)
from app.protocols.trace import Trace

ISSUER = "https://id.example.com"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
GOOD: dict[str, Any] = {"iss": ISSUER, "aud": "rp", "sub": "1", "nonce": "n", "iat": int(NOW.timestamp())}
GOOD["exp"] = GOOD["iat"] + 60


def some_of(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), JSON, max_size=6)


@given(some_of("iss", "aud", "azp", "sub", "exp", "iat", "nbf", "nonce", "auth_time", "tid"), st.booleans())
@example({"aud": [["rp"], "rp"]}, False)
@example({"exp": 1e308, "iat": -1}, False)
@example({"iss": "\ud800\n"}, False)
@settings(max_examples=150, deadline=None)
def test_claims_are_judged_whatever_they_are(changes: dict[str, Any], many: bool) -> None:
    rule = IssuerRule(name=f"{ISSUER}/{{tenantid}}") if many else IssuerRule(name=ISSUER)
    expected = ExpectedToken(issuer=rule, client_id="rp", nonce="n", now=NOW, authenticated_since=1)
    with contextlib.suppress(TokenRefused):
        check_id_token(GOOD | changes, expected, Trace())
        assert not many
    said = ""
    try:
        check_logout_token(GOOD | changes, issuer=rule, client_id="rp", now=NOW, trace=Trace())
    except TokenRefused as error:
        said = str(error)
    assert said.isprintable()


@given(some_of("kty", "crv", "kid", "alg", "use", "key_ops", "n", "e", "x", "y", "issuer"), JSON)
@example({"kty": "RSA", "alg": ["RS256"]}, {})
@example({"kty": ["RSA"]}, {"keys": [{}]})
@example({"kty": "EC", "crv": "P-256", "x": "\ud800", "y": "AA"}, None)
@settings(max_examples=150, deadline=None)
def test_key_sets_are_read_or_refused(members: dict[str, Any], document: Any) -> None:
    for given_document in ({"keys": [members]}, {"keys": [{"kty": "RSA"} | members, members]}, document):
        with contextlib.suppress(UnsuitableKey):
            read_upstream_keys(given_document)


@given(some_of("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "scopes_supported"))
@example({"jwks_uri": "https://[::1"})
@example({"jwks_uri": "https://id.example.com:99999999/x"})
@settings(max_examples=100, deadline=None)
def test_metadata_is_read_or_refused(changes: dict[str, Any]) -> None:
    good = {name: f"{ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    with contextlib.suppress(MetadataRefused):
        read_metadata(good | {"issuer": ISSUER} | changes, issuer=ISSUER, metadata_url=f"{ISSUER}/x")


@given(JSON, JSON, st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_texts_are_tokens_or_refused(header: Any, payload: Any, text: str) -> None:
    made = b".".join(base64url.encode(json.dumps(part).encode()) for part in (header, payload, "signature"))
    for raw in (made.decode(), text, f"{text}.{text}.{text}"):
        with contextlib.suppress(MalformedToken, TokenRefused):
            check_header(read_signed(raw), Trace(), types=frozenset({"jwt"}))
