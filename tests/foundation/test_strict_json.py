"""Strict JSON: what is read, what is refused, and how long the worst of it takes."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.strict_json import JSONRefused, parse

SIZE = 65_536


def test_the_characters_beyond_ascii_are_read():
    assert parse('{"ä": "\\ud83d\\ude00 日本"}'.encode()) == {"ä": "😀 日本"}
    assert parse(b'"a\\\\u0000"') == "a\\u0000"


def test_thirty_two_levels_are_read_and_one_more_is_refused():
    assert parse(b"[" * 32 + b"]" * 32)
    with pytest.raises(JSONRefused, match="deeper"):
        parse(b"[" * 33 + b"]" * 33)
    with pytest.raises(JSONRefused, match="deeper"):
        parse(b'{"a":' * 33 + b"1" + b"}" * 33)


@pytest.mark.spec("RFC 7493 §2.3")
def test_a_key_that_differs_only_in_its_escapes_stands_twice():
    with pytest.raises(JSONRefused, match="twice"):
        parse(b'{"name": 1, "n\\u0061me": 2}')


@pytest.mark.spec("RFC 7493 §2.1")
@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udc00\\ud800"', '{"\\ud800": 1}', '[["\\ud83d"]]'])
def test_a_lone_surrogate_is_refused(text):
    with pytest.raises(JSONRefused, match="surrogate"):
        parse(text.encode())


@pytest.mark.spec("RFC 8259 §8.1")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_another_encoding_is_refused(encoding):
    with pytest.raises(JSONRefused):
        parse('{"a": 1}'.encode(encoding))


@pytest.mark.parametrize("secret", ["hunter2", '{"password": "hunter2"', "[hunter2]", '{"hunter2": 1, "hunter2": 2}'])
def test_a_refusal_quotes_nothing(secret):
    with pytest.raises(JSONRefused) as caught:
        parse(secret.encode())
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__cause__ is None


def filled(item: bytes) -> bytes:
    return b"[" + b",".join([item] * ((SIZE - 2) // (len(item) + 1))) + b"]"


WORST = {
    "open brackets": b"[" * SIZE,
    "arrays": filled(b"[]"),
    "objects": filled(b"{}"),
    "strings": filled(b'""'),
    "numbers": filled(b"1e5"),
    "long integers": filled(b"1" * 4300),
    "one integer": b"1" * SIZE,
    "one exponent": b"1e" + b"9" * SIZE,
    "one string": b'"' + "é".encode() * 32_000 + b'"',
    "escapes": b'"' + b"\\ud83d\\ude00" * 5400 + b'"',
    "backslashes": b'"' + b"\\" * SIZE,
    "keys": b"{" + b",".join(b'"%d":1' % n for n in range(4000)) + b"}",
    "spaces": b" " * SIZE,
    "deep and wide": filled(b"[" * 30 + b"]" * 30),
}


@pytest.mark.attack("DOS-01")
@pytest.mark.parametrize("document", WORST.values(), ids=WORST.keys())
def test_the_worst_document_of_64_kb_takes_less_than_5_ms(document):
    costs = []
    for _ in range(5):
        started = time.process_time()
        with contextlib.suppress(JSONRefused):
            parse(document)
        costs.append(time.process_time() - started)
    assert min(costs) < 0.005


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(json_values, st.booleans())
def test_whatever_json_writes_is_read_back(value, ascii_only):
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(document):
    try:
        value = parse(document)
    except JSONRefused:
        return
    json.dumps(value, allow_nan=False).encode()
