"""The parameters of an authorization request, and the first stage of its judgement: where an answer may go.

Before client and redirect URI are known to belong together nothing is sent anywhere: whatever fails here is shown to
the user. Specs: RFC 6749 §3.1, §3.1.2.4 and §4.1.2.1, RFC 9700 §4.11, RFC 9207.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

from app.protocols.oauth.authorization_error import AuthorizationError, RequestRefused
from app.protocols.oauth.redirect_uri import is_registered
from app.protocols.oauth.redirect_uri_hint import difference
from app.protocols.trace import Trace

MAX_STATE_CHARACTERS = 2048
FIRST_STAGE = frozenset({"client_id and redirect_uri once", "client_id", "redirect_uri"})
"""The checks after whose failure nobody is redirected."""

_SEVERAL = "resource"


class ResponseMode(StrEnum):
    """How an answer reaches the client. Spec: OAuth 2.0 Multiple Response Types §2.1; Form Post Response Mode."""

    QUERY = "query"
    FRAGMENT = "fragment"
    FORM_POST = "form_post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """A request's parameters. `repeated` names those that came more than once and must not; none of them is kept."""

    single: Mapping[str, str]
    repeated: frozenset[str]
    resources: tuple[str, ...]

    def get(self, name: str) -> str | None:
        """A parameter's value; one without a value counts as left out. Spec: RFC 6749 §3.1."""
        return self.single.get(name) or None


def read_parameters(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """Sort decoded pairs. Parameters that nobody knows are nobody's business and stay in no one's way."""
    listed = list(pairs)
    counts: dict[str, int] = {}
    for name, _ in listed:
        counts[name] = counts.get(name, 0) + 1
    repeated = frozenset(name for name, count in counts.items() if count > 1 and name != _SEVERAL)
    return Parameters(
        single={name: value for name, value in listed if name not in repeated and name != _SEVERAL},
        repeated=repeated,
        resources=tuple(value for name, value in listed if name == _SEVERAL and value),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTarget:
    """Where and how a request is answered. `given` says that it named its redirect URI itself."""

    redirect_uri: str
    given: bool
    mode: ResponseMode = ResponseMode.QUERY
    state: str | None = None

    def answer(self, members: Mapping[str, str], *, issuer: str) -> dict[str, str]:
        """The parameters of the answer: these, the request's `state`, and who answers. Spec: RFC 9207 §2."""
        return {**members, **({} if self.state is None else {"state": self.state}), "iss": issuer}

    def url(self, members: Mapping[str, str]) -> str:
        """The redirect URI with those parameters, for query and fragment. Its own query stays. RFC 6749 §3.1.2."""
        encoded = urlencode(members)
        if self.mode is ResponseMode.FRAGMENT:
            return f"{self.redirect_uri}#{encoded}"
        joint = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{joint}{encoded}"


def client_id_of(parameters: Parameters, trace: Trace) -> str:
    """The one client id of a request. Raises RequestRefused, which nobody is redirected for."""
    once = not parameters.repeated & {"client_id", "redirect_uri"}
    received = None if once else ", ".join(sorted(parameters.repeated & {"client_id", "redirect_uri"}))
    client_id = parameters.get("client_id")
    if not trace.check("client_id and redirect_uri once", once, expected="each once", received=received):
        raise RequestRefused(AuthorizationError.INVALID_REQUEST, "client_id and redirect_uri stand there once each.")
    if not trace.check(
        "client_id", client_id is not None, expected="the id of a registered client", received=client_id
    ):
        raise RequestRefused(AuthorizationError.INVALID_REQUEST, "The request needs client_id.")
    return client_id or ""


def redirect_uri_of(parameters: Parameters, registered: Sequence[str], *, native: bool, trace: Trace) -> ResponseTarget:
    """Where this client may be answered. Raises RequestRefused, which nobody is redirected for.

    Compared as a whole string; of a `native` client's loopback addresses the port may differ. A request may leave it
    out where its client has one only and does not speak OpenID Connect. Specs: RFC 6749 §3.1.2.3, RFC 8252 §7.3,
    RFC 9700 §4.1.3, OpenID Connect Core §3.1.2.1.
    """
    presented = parameters.get("redirect_uri")
    expected = " or ".join(registered) or "none is registered"
    if presented is None:
        speaks_oidc = "openid" in (parameters.get("scope") or "").split(" ")
        alone = len(registered) == 1 and not speaks_oidc
        if not trace.check("redirect_uri", alone, expected=expected, received=None):
            raise RequestRefused(AuthorizationError.INVALID_REQUEST, "The request needs redirect_uri.")
        return ResponseTarget(redirect_uri=registered[0], given=False)
    known = is_registered(presented, tuple(registered), native=native)
    hint = None if known else difference(presented, registered)
    expected = expected if hint is None else f"{expected} ({hint})"
    if not trace.check("redirect_uri", known, expected=expected, received=presented):
        raise RequestRefused(AuthorizationError.INVALID_REQUEST, "redirect_uri is none that this client registered.")
    return ResponseTarget(redirect_uri=presented, given=True)


def response_target(parameters: Parameters, target: ResponseTarget) -> ResponseTarget:
    """The target with the request's own wishes, as far as they are well formed: errors travel by it as well."""
    state, wished = parameters.get("state"), parameters.get("response_mode")
    return ResponseTarget(
        redirect_uri=target.redirect_uri,
        given=target.given,
        mode=ResponseMode(wished) if wished in set(ResponseMode) else ResponseMode.QUERY,
        state=state if state is not None and len(state) <= MAX_STATE_CHARACTERS else None,
    )
