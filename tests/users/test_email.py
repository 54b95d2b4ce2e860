"""E-mail addresses: what is one, and which two are the same."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.users.email import EmailRefused, find_key, fold, is_same_mailbox, parse_email


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.Lee+Shop@Example.COM", "ann.lee+shop@example.com"),
        ("STRASSE@example.com", "strasse@example.com"),
        ("straße@example.com", "strasse@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("ann@example.test", "ann@example.test"),
        (unicodedata.normalize("NFD", "zoë@example.com"), "zoë@example.com"),
        ("Ωμέγα@example.com", "ωμέγα@example.com"),
        ("用户@例子.example", "用户@xn--fsqu00a.example"),
    ],
)
def test_an_address_is_kept_as_typed_and_known_by_its_key(typed: str, key: str) -> None:
    parsed = parse_email(typed)
    assert parsed.typed == typed
    assert parsed.key == unicodedata.normalize("NFC", key)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ann.Lee@Example.COM", "ann.lee@example.com", True),
        ("Zoë@bücher.example", unicodedata.normalize("NFD", "zoë@xn--bcher-kva.example"), True),
        ("ann@example.com", "ann@example.org", False),
        ("no address", "no address", False),
        # Whose keys are equal, and whose mailboxes need not be.
        ("\N{KELVIN SIGN}im@example.com", "kim@example.com", False),
        ("\N{LATIN SMALL LIGATURE FI}nance@example.com", "finance@example.com", False),
        ("\N{LATIN SMALL LETTER LONG S}am@example.com", "sam@example.com", False),
        ("straße@example.com", "strasse@example.com", False),
        ("straßé@example.com", "strassé@example.com", False),
    ],
)
def test_a_proof_of_one_mailbox_is_none_of_another_that_looks_alike(one: str, other: str, *, same: bool) -> None:
    assert is_same_mailbox(one, other) is is_same_mailbox(other, one) is same


@pytest.mark.parametrize("other", ["annlee@example.com", "ann.lee+x@example.com", "ann.lee@example.org"])
def test_dots_and_plus_tags_make_another_address(other: str) -> None:
    assert find_key(other) != find_key("ann.lee@example.com")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "ann@test",
        "ann@localhost",
        "ann@@example.com",
        "ann lee@example.com",
        " ann@example.com",
        "ann@example.com ",
        "ann@example.com\n",
        "ann@example..com",
        ".ann@example.com",
        "ann@-example.com",
        "ann@exa_mple.com",
        "ann@[127.0.0.1]",
        "Ann <ann@example.com>",
        '"ann"@example.com',
        "ann\0@example.com",
        "ann\r\nBcc: eve@example.com",
        "ann\u202e@example.com",
        "ann\ud800@example.com",
        "a" * 65 + "@example.com",
        "ann@" + "a" * 64 + ".com",
        "a" * 10_000 + "@example.com",
        "ann@" + "ü." * 5_000 + "com",
    ],
)
def test_what_is_no_address_is_refused_in_words(typed: str) -> None:
    with pytest.raises(EmailRefused) as refusal:
        parse_email(typed)
    assert find_key(typed) is None
    assert refusal.value.code == "invalid_email"
    assert refusal.value.extensions["errors"] == [{"pointer": "/email", "detail": refusal.value.description}]


@pytest.mark.parametrize("typed", ["hunter2!", "s(ecret)@exa#mple.com", "p;w<d>@example.com", "a@ex\u2044ample.com"])
def test_a_refusal_never_quotes_what_was_typed(typed: str) -> None:
    """People type their password into the wrong field."""
    with pytest.raises(EmailRefused) as refusal:
        parse_email(typed)
    words = refusal.value.description or ""
    assert typed not in words
    assert not set(words) & set(";<>#'\"()\u2044")


@pytest.mark.spec("RFC 5321 §4.5.3.1")
def test_an_address_has_at_most_254_octets() -> None:
    label = "b" * 61
    longest = f"{'a' * 64}@{label}.{label}.{label}.com"
    assert len(longest) == 254
    assert parse_email(longest).typed == longest
    with pytest.raises(EmailRefused, match="254"):
        parse_email(longest.replace("@", "@x"))
    # Octets are counted, not characters.
    with pytest.raises(EmailRefused, match="254"):
        parse_email("é" * 125 + "@example.com")


@given(st.text(max_size=80))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_a_key_is_its_own_key() -> None:
    for typed in ("Ann.Lee+Shop@Example.COM", "straße@bücher.example", "ΜΆΪΟΣ@example.com"):
        key = parse_email(typed).key
        assert parse_email(key).key == key


def test_a_long_text_is_refused_before_it_costs_anything() -> None:
    started = time.process_time()
    for _ in range(100):
        with pytest.raises(EmailRefused):
            parse_email("ann@" + "\u0308ü" * 30_000)
    assert time.process_time() - started < 1
