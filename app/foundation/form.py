"""The one reader of form bodies: urlencoded, one value for each name. Its size is bounded before, at the edge."""

from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from app.foundation.errors import BadRequest, ServiceError

FORM_TYPE = "application/x-www-form-urlencoded"
MAX_FIELDS = 100
_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class NotAForm(ServiceError):
    """The body is not declared as a form. Spec: RFC 9110 §15.5.16."""

    status, code, title = 415, "form_expected", f"The body must be {FORM_TYPE}"


class InvalidForm(BadRequest):
    """The form cannot be read, or names a field twice. Spec: RFC 6749 §3.1."""

    code, title = "invalid_form", "The form is not right"


async def read_form(request: Request) -> dict[str, str]:
    """A request's fields; an empty body has none. Raises NotAForm, InvalidForm, and what the edge raises."""
    return parse_form(await _read(request))


async def read_parameters(
    request: Request, *, repeatable: Collection[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """A request's fields, and beside them the values of those that may stand there several times.

    Raises as `read_form`. Spec: RFC 6749 §3.2; RFC 8707 §2 is the exception.
    """
    pairs = _parse(await _read(request))
    several: dict[str, list[str]] = {name: [] for name in repeatable}
    for name, value in pairs:
        if name in several:
            several[name].append(value)
    return _each_once([pair for pair in pairs if pair[0] not in several]), several


def parse_form(content: bytes) -> dict[str, str]:
    """The fields of an urlencoded body. Raises InvalidForm, which quotes nothing."""
    return _each_once(_parse(content))


async def read_pairs(request: Request) -> list[tuple[str, str]]:
    """A request's fields as they stand in its query and then in its form, if it has one, repeated ones too.

    Raises as `read_form`. Spec: RFC 6749 §3.1.
    """
    query: bytes = request.scope["query_string"]
    # A name without a value is no mistake in an address.
    pieces = (piece if b"=" in piece else piece + b"=" for piece in query.split(b"&", MAX_FIELDS + 1) if piece)
    pairs = _parse(b"&".join(pieces))
    return pairs if request.method in _WITHOUT_BODY else [*pairs, *_parse(await _read(request))]


async def _read(request: Request) -> bytes:
    content = await request.body()
    types = request.headers.getlist("content-type")
    if len(types) != 1 or types[0].partition(";")[0].strip().lower() != FORM_TYPE:
        raise NotAForm
    return content


def _parse(content: bytes) -> list[tuple[str, str]]:
    try:
        pieces = content.decode("ascii").split("&", MAX_FIELDS) if content else []
        pairs = [_pair(piece) for piece in pieces[:MAX_FIELDS]]
    except ValueError:
        raise InvalidForm("The form is not urlencoded UTF-8, or has too many fields.") from None
    if len(pieces) > MAX_FIELDS:
        raise InvalidForm("The form has too many fields.")
    if (b"%00" in content or b"\0" in content) and any("\0" in value for _, value in pairs):
        raise InvalidForm("A field holds a character that no form has.")
    return pairs


def _pair(piece: str) -> tuple[str, str]:
    name, equals, value = piece.partition("=")
    if not equals:
        raise ValueError
    return _decoded(name), _decoded(value)


def _decoded(text: str) -> str:
    """Most of what comes needs no decoding, which costs more than all else. Raises ValueError for what is no UTF-8."""
    if "%" not in text and "+" not in text:
        return text
    return unquote_to_bytes(text.replace("+", " ")).decode()


def _each_once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidForm("A field stands there twice.")
    return fields
