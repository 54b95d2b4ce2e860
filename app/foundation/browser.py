"""What a browser holds instead of tokens that a script could read: the values, without the web."""

import re
from dataclasses import dataclass

from app.foundation.secrets import random_secret

_FORM = re.compile(r"bs_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SessionCookie:
    """A session cookie as its browser gets it: 256 random bits, of which only the hash is stored."""

    raw_value: str
    max_age_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BrowserSignIn:
    """The answer of a sign-in goes into cookies. `replaces` is the session cookie that the browser held before.

    `trusted` is the cookie by which it may be known as one that a user trusts; `is_to_be_trusted` that its user asks
    for that now.
    """

    replaces: str | None
    trusted: str | None = None
    is_to_be_trusted: bool = False


def new_session_value() -> str:
    """A fresh value of a session cookie: `bs_<secret>`."""
    return f"bs_{random_secret()}"


def is_session_value(text: str) -> bool:
    """Whether a text has the shape of a session cookie of ours; nothing else is looked up."""
    return _FORM.fullmatch(text) is not None
