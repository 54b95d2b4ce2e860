"""The gate refuses or passes; nothing else may come out of it."""

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_service_sdk.errors import InvalidToken
from auth_service_sdk.gate import MAX_TOKEN_BYTES, parse

# The machine may be busy with other tests; how long an example takes is no property of the gate.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
HEADER = {"alg": "RS256", "kid": "k", "typ": "at+jwt"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
headers = st.fixed_dictionaries(
    {"alg": st.sampled_from(["RS256", "none", "ES256"]) | json_values, "typ": st.just("at+jwt") | json_values},
    optional={"kid": st.just("k") | json_values, "crit": json_values, "jwk": json_values},
)
segments = st.binary(max_size=60) | headers.map(lambda value: json.dumps(value).encode())


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def passes_or_refuses(token):
    try:
        parsed = parse(token)
    except InvalidToken:
        return
    assert parsed.alg in ("RS256", "ES256", "EdDSA")
    assert isinstance(parsed.claims, dict)
    # Canonical: what passed has exactly one spelling.
    assert token == parsed.signing_input + b"." + encode(parsed.signature)


@patiently
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_order(token):
    passes_or_refuses(token)


@patiently
@given(st.lists(segments, min_size=3, max_size=3))
def test_any_three_parts_pass_or_are_refused_in_order(parts):
    passes_or_refuses(b".".join(encode(part) for part in parts))


@patiently
@given(headers, st.dictionaries(st.text(), json_values), st.binary(min_size=1, max_size=64))
def test_any_header_and_claims_pass_or_are_refused_in_order(header, claims, signature):
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    passes_or_refuses(b".".join(encode(part) for part in parts))


@patiently
@given(st.text(alphabet="ABCQgw_-019=.+/ \t", max_size=80))
def test_near_misses_of_base64url_are_refused_in_order(text):
    passes_or_refuses(encode(json.dumps(HEADER).encode()) + b"." + text.encode())


def test_token_at_the_size_limit_is_read_and_one_byte_more_is_not():
    def build(length):
        head = encode(json.dumps(HEADER).encode()) + b"."
        tail = b".AA"
        room = length - len(head) - len(tail)
        payload = encode(b'{"n":"' + b"x" * (room * 3 // 4 - 8) + b'"}')
        return head + payload + tail

    token = build(MAX_TOKEN_BYTES)
    assert len(token) <= MAX_TOKEN_BYTES
    assert parse(token).claims["n"]
    with pytest.raises(InvalidToken, match="at most"):
        parse(token + b"A" * (MAX_TOKEN_BYTES - len(token) + 1))


@pytest.mark.spec("RFC 7515 §4")
@pytest.mark.parametrize("header", ['{"alg":"RS256","alg":"RS256","kid":"k","typ":"at+jwt"}', "[]", '"x"', "{} "])
def test_header_that_is_no_plain_object_is_refused(header):
    with pytest.raises(InvalidToken):
        parse(encode(header.encode()) + b".e30.AA")


def test_header_of_a_thousand_characters_is_not_decoded():
    with pytest.raises(InvalidToken, match="header of at most"):
        parse(encode(json.dumps(HEADER | {"kid": "k" * 800}).encode()) + b".e30.AA")


@pytest.mark.parametrize("kid", ["", "x" * 257, None, 1, ["k"]])
def test_kid_that_is_no_short_string_is_refused(kid):
    with pytest.raises(InvalidToken, match="kid"):
        parse(encode(json.dumps(HEADER | {"kid": kid}).encode()) + b".e30.AA")
