"""A federated sign-in on its way: what was asked for, what a browser brings, and where it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from time import perf_counter
from typing import Any, Self

from app.brokering.failure import Failure
from app.federation.connector import Connection
from app.foundation.origin import Origin
from app.foundation.secrets import random_secret
from app.grants.mint import IssuedTokens
from app.protocols.assurance import ACR
from app.protocols.trace import Trace

KIND = "federation"
CALLBACK_PATH = "/auth/oauth/{provider}/callback"
RESUME_PATH = "/auth/oauth/resume"
CONFIRM_PATH = "/account/identities/confirm"


class Purpose(StrEnum):
    """What the browser came for: in the table of flows."""

    RETURN = "return"
    PAGES = "pages"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Wanted:
    """What a federated sign-in is for.

    To an app: `return_to` of the client `client_id`, its `state` and PKCE `challenge`, and the stored name of the
    `audience`. At the pages: the sign-in there, None for who came alone. To link: `sub` of who wants it. `acr` and
    `signed_in_after` are what the sign-in must come to.
    """

    purpose: Purpose
    return_to: str | None = None
    client_id: str | None = None
    client_name: str | None = None
    state: str | None = None
    challenge: str | None = None
    audience: str | None = None
    pages: str | None = None
    sub: str | None = None
    acr: ACR | None = None
    signed_in_after: datetime | None = None
    login_hint: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The form in which its flow keeps it."""
        after = self.signed_in_after
        told = {name: getattr(self, name) for name in self.__slots__}
        return {**told, "signed_in_after": None if after is None else after.astimezone(UTC).isoformat()}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """What a flow keeps."""
        acr, after = kept["acr"], kept["signed_in_after"]
        parsed = {
            "purpose": Purpose(kept["purpose"]),
            "acr": None if acr is None else ACR(acr),
            "signed_in_after": None if after is None else datetime.fromisoformat(after),
        }
        return cls(**{**kept, **parsed})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Visit:
    """What a browser brings. `raw_browser` is the cookie that its flows belong to, `raw_sign_in` that of the pages.

    Either is a fresh value where it had none; `trusted` is the cookie of a browser that a user trusts, and `locale` the
    language in which it reads. `arrived_at` is when its request came, by the clock of `time.perf_counter`.
    """

    origin: Origin
    arrived_at: float = field(default_factory=perf_counter)
    raw_session: str | None = None
    raw_browser: str = field(default_factory=random_secret)
    raw_sign_in: str = field(default_factory=random_secret)
    trusted: str | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Case:
    """A federated sign-in whose browser is back. `is_kept` says that its flow is written.

    `kept` is what the connector wanted to have again.
    """

    flow_id: str
    connection: Connection
    wanted: Wanted
    trace: Trace
    kept: Mapping[str, Any] = field(default_factory=dict)
    is_kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GoTo:
    """The browser goes on at a page of ours, with the cookies of its new session where it has one.

    `came_by` is the provider that has just vouched for somebody.
    """

    path: str
    issued: IssuedTokens | None = None
    came_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Leave:
    """The browser goes to a place that was checked beforehand, by address or by a form with these `fields`.

    `came_by` as in `GoTo`.
    """

    url: str
    fields: Mapping[str, str] | None = None
    issued: IssuedTokens | None = None
    came_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Failed:
    """The sign-in has come to nothing: its person is told why. `again` is a page of ours, `back` the app's address.

    `may_repeat` says that nothing was taken up: the very same request can be made once more.
    """

    failure: Failure
    provider: str | None
    again: str
    may_repeat: bool = False
    back: str | None = None
    client_name: str | None = None


Outcome = GoTo | Leave | Failed
