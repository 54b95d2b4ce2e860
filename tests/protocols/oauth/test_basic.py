import base64
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocols.oauth.basic import MalformedCredentials, parse_basic


def header(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    return f"Basic {base64.b64encode(raw).decode()}"


@pytest.mark.attack("TOK-09")
@pytest.mark.spec("RFC 6749 §2.3.1")
@given(st.text(), st.text(), st.sampled_from([quote_plus, lambda text: quote(text, safe="")]))
def test_whatever_is_form_encoded_comes_back_as_it_was(client_id, secret, encode):
    presented = parse_basic(header(f"{encode(client_id)}:{encode(secret)}"))
    assert presented == (client_id, secret)


@pytest.mark.attack("TOK-09")
def test_a_colon_and_letters_of_other_scripts_may_stand_in_a_secret():
    assert parse_basic(header("a%20b:p%3Aä+ö")) == ("a b", "p:ä ö")
    assert parse_basic(header("id:one:two")) == ("id", "one:two")


@pytest.mark.parametrize(
    "value",
    ["Basic", "Basic %", "Basic ====", header("no-colon"), header(b"\xff:\xff"), header("a%zz:b"), header("a:%ff")],
)
@pytest.mark.attack("TOK-09")
def test_what_is_no_pair_is_malformed(value):
    with pytest.raises(MalformedCredentials):
        parse_basic(value)


def test_a_header_of_megabytes_is_not_decoded():
    with pytest.raises(MalformedCredentials):
        parse_basic(header("a" * 1_000_000 + ":b"))


def test_another_scheme_is_none_of_ours():
    assert parse_basic("Bearer abc") is None
    assert parse_basic("basic " + base64.b64encode(b"a:b").decode()) == ("a", "b")
