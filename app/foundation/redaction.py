"""Keeps secrets out of the log, by the name of a field and by the look of a value.

It is the second line: nobody logs a secret on purpose. It catches what an exception or a library quotes.
"""

import re
from collections.abc import Mapping

REDACTED = "[redacted]"
MAX_TEXT_CHARACTERS = 4096
MAX_TRACEBACK_CHARACTERS = 16_384
_MAX_DEPTH = 6

_SECRET_NAME = re.compile(
    r"""password | passwd | passphrase | secret | token | authorization | cookie | assertion | credential | verifier
      | api[_-]?key | private[_-]?key | \bpem\b | _pem\b | ^code$ | ^otp$ | ^keys?$ | ^proof$ | dsn
      | ^url$ | _url$
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Ids, kinds and counts of secret things are no secrets.
_HARMLESS_NAME = re.compile(r"_id$|_ids$|_type$|_kind$|_seconds$|_count$|_at$", re.IGNORECASE)

_SECRET_VALUE = re.compile(
    r"""
      eyJ[\w-]{4,}(?:\.[\w-]*){2,4}                           # a JWT or JWE
    | \b(?:rt|bs|tb|ask)_[\w-]{16,}                           # our refresh tokens, browsers' cookies, API keys
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    | \$argon2\w*\$[^\s'"]+                                   # a password's hash
    | (?<=\bBearer[ ])[\w.~+/=-]{8,} | (?<=\bBasic[ ])[\w+/=-]{8,}
    | (?<=://)[^/\s:@'"]*:[^/\s@'"]+(?=@)                     # user and password in a URL
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def redact_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """The same fields without secrets, each text cut at a limit."""
    return {str(name): _redact_member(str(name), value, depth=0) for name, value in fields.items()}


def redact_text(text: str, *, limit: int = MAX_TEXT_CHARACTERS) -> str:
    """The same text with what looks like a secret taken out, cut at a limit."""
    # Cut first: what comes from outside decides how long the search takes.
    cut = text if len(text) <= limit else f"{text[:limit]}…"
    return _SECRET_VALUE.sub(REDACTED, cut)


def escape_controls(text: str) -> str:
    """The same text on one line: no character in it moves a cursor, turns text around or ends the line."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def _redact_member(name: str, value: object, *, depth: int) -> object:
    if _SECRET_NAME.search(name) and not _HARMLESS_NAME.search(name) and not isinstance(value, bool | None):
        return REDACTED
    return _redact_value(name, value, depth=depth)


def _redact_value(name: str, value: object, *, depth: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        limit = MAX_TRACEBACK_CHARACTERS if name == "exception" else MAX_TEXT_CHARACTERS
        return redact_text(value, limit=limit)
    if depth >= _MAX_DEPTH:
        return REDACTED
    if isinstance(value, Mapping):
        return {str(key): _redact_member(str(key), item, depth=depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(name, item, depth=depth + 1) for item in value]
    return redact_text(str(value))
