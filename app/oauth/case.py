"""An authorization on its way: what was asked, by whom, and where its answer goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.audiences.service import AudienceView
from app.clients.registered import RegisteredClient
from app.consents.consent import Consent, allowance
from app.foundation.origin import Origin
from app.grants.by_cookie import BrowserCaller
from app.protocols.oauth.authorization_parameters import ResponseMode, ResponseTarget
from app.protocols.oauth.authorization_request import AuthorizationRequest
from app.protocols.oauth.interaction import SignedIn
from app.protocols.trace import Check, Trace

KIND = "authorization"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Visit:
    """What a browser brings. `raw_browser` is the cookie that its flows belong to, a fresh one where it had none."""

    raw_session: str | None
    raw_browser: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request of a known client whose answer may go to `target`. `is_kept` says that its flow is written already.

    `required_acr` is what the audience, or a role of the user there, asks for beyond the request.
    """

    flow_id: str
    client: RegisteredClient
    request: AuthorizationRequest
    target: ResponseTarget
    audience: AudienceView
    scopes: tuple[str, ...]
    opened_at: datetime
    trace: Trace
    has_chosen: bool = False
    is_kept: bool = False
    required_acr: str | None = None

    @property
    def claims(self) -> frozenset[str]:
        """The names of the claims that are asked for one by one."""
        return frozenset(name for wishes in self.request.claims.values() for name in wishes)

    @property
    def allowance(self) -> frozenset[str]:
        """The scopes as a consent keeps them."""
        return allowance(self.scopes, self.audience.name)

    def is_agreed(self, consent: Consent | None) -> bool:
        """Whether nobody has to be asked: the operator vouches for the client, or the user agreed to as much.

        A user is asked each time where any program on their device could be the one that is answered: by a scheme of
        its own, or at a loopback port that nobody registered. RFC 8252 §8.6.
        """
        if not self.client.consent_required:
            return True
        uri = self.target.redirect_uri
        if uri not in self.client.redirect_uris or not uri.startswith(("https:", "http:")):
            return False
        return consent is not None and consent.covers(self.allowance, self.claims)

    def kept(self) -> dict[str, Any]:
        """What its flow keeps of it."""
        target = self.target
        return {
            "asked": self.request.as_json(),
            "redirect_uri": target.redirect_uri,
            "redirect_uri_given": target.given,
            "response_mode": target.mode.value,
            "state": target.state,
            "has_chosen": self.has_chosen,
        }


def target_kept(kept: Mapping[str, Any]) -> ResponseTarget:
    """The target that a flow keeps."""
    return ResponseTarget(
        redirect_uri=kept["redirect_uri"],
        given=kept["redirect_uri_given"],
        mode=ResponseMode(kept["response_mode"]),
        state=kept["state"],
    )


def signed_in(caller: BrowserCaller | None) -> SignedIn | None:
    """A session as the rules see it."""
    if caller is None:
        return None
    return SignedIn(sub=caller.sub, auth_time=caller.context.auth_time, acr=caller.context.acr)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """What goes back to the client, through the browser."""

    target: ResponseTarget
    members: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoTo:
    """The browser goes on at a page of ours."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Nobody can be told but the person at the browser, unless the client `was_told`, and a developer asks why.

    `client_name` is None where the client is not known, `flow_id` where nothing was kept.
    """

    flow_id: str | None
    error: str
    checks: tuple[Check, ...]
    was_told: bool = False
    client_name: str | None = None
    client_uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The user has to be asked."""

    case: Case
    caller: BrowserCaller
    known: frozenset[str] = field(default=frozenset())


Outcome = Answer | GoTo | Failure | Question
