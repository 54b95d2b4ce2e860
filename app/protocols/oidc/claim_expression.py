"""Claims of a client's own, filled by small expressions over the person: no loops, no state, no way out.

    user.attributes.department or "unknown"
    when(has(user.groups, "ops"), "Admin", "Viewer")
    join(user.groups, ",")

A path is `user.` with `sub`, `email`, `email_verified`, `name`, `locale`, `groups`, `roles` or `attributes.<name>`; the
others are texts in double quotes, numbers, `true`, `false`, and calls of `FUNCTIONS`. `a or b` is the first that has a
value. An expression without a value fills nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from app.protocols.oidc.person import Person

MAX_CHARACTERS = 512
MAX_DEPTH = 8
MAX_RESULT_CHARACTERS = 4096

RESERVED = frozenset(
    {
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "typ", "azp", "client_id", "nonce", "auth_time", "acr"),
        *("amr", "roles", "groups"),
        *("sid", "grant_id", "at_hash", "c_hash", "s_hash", "scope", "scp", "permissions", "cnf", "act", "may_act"),
        *("events", "active", "email", "email_verified", "org_id"),
    }
)
"""Claims that this service vouches for: no mapping fills them."""

Value = object
Node = Callable[[Person], Value]

_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\["\\])*")|(?P<number>-?\d{1,15}(?:\.\d{1,6})?)'
    r"|(?P<word>[a-z_][\w.]*)|(?P<mark>[(),]))",
    re.ASCII,
)
_FIELDS = frozenset({"sub", "email", "email_verified", "name", "locale", "groups", "roles"})
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class ExpressionRefused(ValueError):
    """The text is no expression. The message says what is wrong and where, for who wrote it."""


def fault_of(expression: str) -> str | None:
    """What is wrong with an expression; None where nothing is."""
    try:
        _parsed(expression)
    except ExpressionRefused as error:
        return str(error)
    return None


def mapped_claims(mappings: Mapping[str, str], person: Person) -> dict[str, object]:
    """The claims that mappings fill for a person. One that is reserved, or does not parse, fills nothing."""
    filled = {}
    for claim, expression in mappings.items():
        if claim in RESERVED or fault_of(expression) is not None:
            continue
        value = _parsed(expression)(person)
        if value is not None and len(str(value)) <= MAX_RESULT_CHARACTERS:
            filled[claim] = value
    return filled


def _lower(value: Value) -> Value:
    return value.lower() if isinstance(value, str) else None


def _upper(value: Value) -> Value:
    return value.upper() if isinstance(value, str) else None


def _join(values: Value, separator: Value) -> Value:
    return separator.join(values) if isinstance(values, list) and isinstance(separator, str) else None


def _concat(*parts: Value) -> Value:
    return None if any(not isinstance(part, str) for part in parts) else "".join(map(str, parts))


def _has(values: Value, wanted: Value) -> Value:
    return wanted in values if isinstance(values, list) else None


def _equals(left: Value, right: Value) -> Value:
    return type(left) is type(right) and left == right


def _when(condition: Value, then: Value, otherwise: Value = None) -> Value:
    return then if condition is True else otherwise


def _list(*values: Value) -> Value:
    return [value for value in values if isinstance(value, str)]


FUNCTIONS: Mapping[str, tuple[Callable[..., Value], int, int]] = {
    "lower": (_lower, 1, 1),
    "upper": (_upper, 1, 1),
    "join": (_join, 2, 2),
    "concat": (_concat, 1, 8),
    "has": (_has, 2, 2),
    "equals": (_equals, 2, 2),
    "when": (_when, 2, 3),
    "list": (_list, 1, 8),
}
"""What may be called, with the least and the most arguments."""


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> Node:
    if len(expression) > MAX_CHARACTERS:
        raise ExpressionRefused(f"an expression has at most {MAX_CHARACTERS} characters")
    parser = _Parser(expression)
    node = parser.choice(0)
    parser.end()
    return node


class _Parser:
    """Recursive descent over the tokens, of bounded depth."""

    def __init__(self, expression: str) -> None:
        self._tokens = list(_tokens(expression))
        self._at = 0

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise ExpressionRefused(f"nothing may follow before {self._tokens[self._at][1]!r}")

    def choice(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ExpressionRefused(f"calls are nested at most {MAX_DEPTH} deep")
        nodes = [self._value(depth)]
        while self._take("word", "or"):
            nodes.append(self._value(depth))
        return nodes[0] if len(nodes) == 1 else lambda person: _first(nodes, person)

    def _value(self, depth: int) -> Node:
        kind, text = self._next()
        if kind == "text":
            constant = re.sub(r"\\(.)", r"\1", text[1:-1])
            return lambda _: constant
        if kind == "number":
            number = float(text) if "." in text else int(text)
            return lambda _: number
        if kind == "word" and text in {"true", "false"}:
            return lambda _: text == "true"
        if kind == "word" and text.startswith("user."):
            return _path(text.removeprefix("user."))
        if kind == "word" and text in FUNCTIONS:
            return self._call(text, depth)
        raise ExpressionRefused(f"{text!r} is no value: write user.<name>, a text in double quotes, or a function")

    def _call(self, name: str, depth: int) -> Node:
        function, least, most = FUNCTIONS[name]
        self._expect("(")
        arguments = [self.choice(depth + 1)]
        while self._take("mark", ","):
            arguments.append(self.choice(depth + 1))
        self._expect(")")
        if not least <= len(arguments) <= most:
            raise ExpressionRefused(f"{name} takes {least} to {most} values")
        return lambda person: function(*(argument(person) for argument in arguments))

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise ExpressionRefused("the expression ends too soon")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str, text: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == (kind, text)
        self._at += found
        return found

    def _expect(self, mark: str) -> None:
        if not self._take("mark", mark):
            raise ExpressionRefused(f"a {mark} is missing")


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    at, text = 0, expression.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ExpressionRefused(f"what stands at character {at + 1} is not understood")
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()


def _path(path: str) -> Node:
    if path in _FIELDS:
        return lambda person: person.claim(path)
    name = path.removeprefix("attributes.")
    if name == path or _ATTRIBUTE.fullmatch(name) is None:
        raise ExpressionRefused(f"a user has no {path!r}")
    return lambda person: person.attributes.get(name)


def _first(nodes: list[Node], person: Person) -> Value:
    return next((value for node in nodes if (value := node(person)) is not None), None)
