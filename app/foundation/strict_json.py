"""JSON read strictly, so that every reader of a document understands the same.

Two parsers that differ on duplicate keys, on a lone surrogate or on `NaN` let an attacker show one thing to the
check and another to the code behind it. Whatever is ambiguous is refused. Spec: RFC 8259, RFC 7493 (I-JSON).
"""

import json
import math

MAX_DEPTH = 32
# Bounds the work that a small document can ask for: each part costs a turn of a loop, here and in validation.
MAX_PARTS = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class JSONRefused(ValueError):
    """The document is not JSON, or ambiguous. The words quote nothing of it."""


def parse(document: bytes) -> object:
    """The value of a JSON document in UTF-8, in time linear in its size.

    Refused: a byte order mark, invalid UTF-8, duplicate keys, `NaN` and `Infinity` (also as a number beyond the
    range of a double), lone surrogates, NUL, integers of more than 4 300 digits, more than 32 levels, and more
    than 4 096 brackets and commas. Raises JSONRefused.
    """
    if document.startswith(_BYTE_ORDER_MARK):
        raise JSONRefused("a byte order mark is not allowed")
    if document.count(b",") + document.count(b"[") + document.count(b"{") > MAX_PARTS:
        # Those inside a string count too, which no honest request comes near.
        raise JSONRefused("it has too many parts, or is nested deeper than 32 levels")
    try:
        text = document.decode("utf-8")
        value = _DECODER.decode(text)
    except JSONRefused:
        raise
    except UnicodeDecodeError:
        raise JSONRefused("it is not UTF-8") from None
    except RecursionError:
        raise JSONRefused(f"it is nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise JSONRefused(f"it ends or breaks off at character {error.pos}") from None
    except ValueError:
        raise JSONRefused("a number has too many digits") from None
    _inspect(value)
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JSONRefused("a key stands twice in one object")
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise JSONRefused("a number is too large")
    return number


def _constant(_: str) -> object:
    raise JSONRefused("NaN and Infinity are not numbers")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_constant)


def _inspect(value: object) -> None:
    """Walk level by level, so that depth needs no recursion, and look at every string and key."""
    if isinstance(value, str):
        _check_text(value)
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        deeper: list[dict[str, object] | list[object]] = []
        for container in level:
            if isinstance(container, dict):
                for key in container:
                    _check_text(key)
                items = iter(container.values())
            else:
                items = iter(container)
            for item in items:
                if isinstance(item, str):
                    _check_text(item)
                elif isinstance(item, dict | list):
                    deeper.append(item)
        if not deeper:
            return
        level = deeper
    raise JSONRefused(f"it is nested deeper than {MAX_DEPTH} levels")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise JSONRefused("NUL is not allowed")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise JSONRefused("a surrogate stands alone") from None
