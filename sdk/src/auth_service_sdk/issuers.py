"""A foreign issuer as a developer names it: checked here, in words, before any request is made."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from auth_service_sdk.gate import FOREIGN_ALGORITHMS
from auth_service_sdk.logouts import LogoutStore
from auth_service_sdk.presets import PROFILES, ClaimPaths, Preset, Profile, merged

MAX_CACHE_SECONDS = 60
"""An answer of introspection is used for no longer than so."""
MAX_TOKEN_SECONDS = 7 * 86_400
"""Of the longest life of a token that a logout may be remembered for."""
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_ENTRA_TENANT = re.compile(r"/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/v2\.0|/)", re.ASCII)
_GOOGLE = frozenset({"https://accounts.google.com", "accounts.google.com"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """Ask the issuer about each token (RFC 7662), by this service's own client there.

    `client_id` and `client_secret` are also read from INTROSPECTION_CLIENT_ID and INTROSPECTION_CLIENT_SECRET.
    `endpoint` is found by discovery unless given. An answer is used for `cache_seconds`, 0 to 60, and never beyond
    the token's `exp`. Raises ValueError for arguments that cannot work.
    """

    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    endpoint: str | None = None
    cache_seconds: float = 5.0

    def __post_init__(self) -> None:
        for name in ("client_id", "client_secret"):
            value = getattr(self, name) or os.environ.get(f"INTROSPECTION_{name.upper()}")
            if not value:
                raise ValueError(f"introspection needs {name} (or INTROSPECTION_{name.upper()}): this service's own")
            object.__setattr__(self, name, value)
        if type(self.cache_seconds) not in (int, float) or not 0 <= self.cache_seconds <= MAX_CACHE_SECONDS:
            raise ValueError(f"cache_seconds must be 0 to {MAX_CACHE_SECONDS}, got {self.cache_seconds!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackChannelLogout:
    """Hear from the issuer who has signed out, and refuse their tokens at once.

    The middleware answers POSTs at `path`, where it needs no token: that is the back-channel logout URL of the client
    `client_id` (or several) at the issuer; the issuer's `audience` unless given. Access tokens that live longer than
    `longest_token_seconds` are refused, so that a logout need be remembered no longer than that. The issuer tells one
    process; `store` tells the others. Spec: OpenID Connect Back-Channel Logout 1.0.

    Raises ValueError for arguments that cannot work.
    """

    path: str = "/backchannel-logout"
    client_id: str | Iterable[str] | None = None
    longest_token_seconds: int = 86_400
    store: LogoutStore | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or _PATH.fullmatch(self.path) is None or "/." in self.path:
            raise ValueError(f"path must be a plain path such as '/backchannel-logout', got {self.path!r}")
        longest = self.longest_token_seconds
        if type(longest) is not int or not 60 <= longest <= MAX_TOKEN_SECONDS:
            raise ValueError(f"longest_token_seconds must be 60 to {MAX_TOKEN_SECONDS}, got {longest!r}")
        if self.client_id is not None:
            object.__setattr__(self, "client_id", _names("client_id", self.client_id))


@dataclass(frozen=True, slots=True)
class OIDCIssuer:
    """An OpenID provider whose access tokens are trusted: `JWTAuthMiddleware(app, issuer=OIDCIssuer(…))`.

    `url` is what `iss` must equal, as a whole string, and where discovery begins. `audience` is the name of this
    service there (Cognito: the ids of the clients that may come); one of several is enough. `preset` says how its
    tokens are read, `claims` what is read elsewhere. `client` names the clients (Keycloak) or projects (Zitadel) whose
    roles count; `audience` unless given. `jwks_uri` saves discovery. With `introspection` every token is asked about.
    A signature may be of one of `algorithms`; which one a key is good for, its issuer says. With `logout` the issuer's
    back-channel logout is received.

    Everything is https, and no metadata leads to a private address, except on loopback or with `allow_private`.

    Raises ValueError for arguments that cannot work.
    """

    url: str
    audience: str | Iterable[str] = field(kw_only=True)
    preset: Preset | str = field(default=Preset.GENERIC, kw_only=True)
    client: str | Iterable[str] | None = field(default=None, kw_only=True)
    claims: ClaimPaths | None = field(default=None, kw_only=True)
    algorithms: str | Iterable[str] = field(default=FOREIGN_ALGORITHMS, kw_only=True)
    jwks_uri: str | None = field(default=None, kw_only=True)
    introspection: Introspection | None = field(default=None, kw_only=True)
    logout: BackChannelLogout | None = field(default=None, kw_only=True)
    allow_private: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        check_url("the issuer's url", self.url, own=True, allow_private=self.allow_private)
        try:
            preset = Preset(self.preset)
        except ValueError:
            raise ValueError(f"preset must be one of {', '.join(Preset)}, got {self.preset!r}") from None
        if preset is Preset.ENTRA and self.tenant is None:
            # Who accepts `common` accepts the tokens of every tenant there is.
            raise ValueError(
                f"an Entra issuer names one tenant by its id: https://…/<tenant id>/v2.0, got {self.url!r}"
            )
        object.__setattr__(self, "preset", preset)
        object.__setattr__(self, "audience", _names("audience", self.audience))
        client = self.audience if self.client is None else self.client
        object.__setattr__(self, "client", _names("client", client))
        algorithms = (self.algorithms,) if isinstance(self.algorithms, str) else tuple(self.algorithms)
        if not algorithms or not set(FOREIGN_ALGORITHMS).issuperset(algorithms):
            raise ValueError(f"algorithms must be some of {', '.join(FOREIGN_ALGORITHMS)}, got {self.algorithms!r}")
        object.__setattr__(self, "algorithms", algorithms)
        for name, url in (
            ("jwks_uri", self.jwks_uri),
            ("endpoint", self.introspection and self.introspection.endpoint),
        ):
            if url is not None:
                check_url(name, url, own=True, allow_private=self.allow_private)

    @property
    def profile(self) -> Profile:
        """How the provider's tokens look."""
        return PROFILES[Preset(self.preset)]

    @property
    def paths(self) -> ClaimPaths:
        """Where its claims are read."""
        return merged(self.profile.paths, self.claims)

    @property
    def audiences(self) -> frozenset[str]:
        """The accepted audiences."""
        return frozenset(self.audience)

    @property
    def allowed_algorithms(self) -> tuple[str, ...]:
        """The algorithms that a token may be signed by, the preferred ones first."""
        return tuple(self.algorithms)

    @property
    def clients(self) -> tuple[str, ...]:
        """The clients whose roles count."""
        return tuple(self.client or ())

    @property
    def tenant(self) -> str | None:
        """The id of the tenant in an Entra issuer's path."""
        match = _ENTRA_TENANT.fullmatch(urlsplit(self.url).path)
        return None if match is None else match.group(1)

    @property
    def names(self) -> frozenset[str]:
        """The values of `iss` that are this issuer: Google and Entra have two spellings of one."""
        if self.preset is Preset.GOOGLE and self.url in _GOOGLE:
            return _GOOGLE
        both = {
            f"https://login.microsoftonline.com/{self.tenant}/v2.0",
            f"https://sts.windows.net/{self.tenant}/",
        }
        return frozenset(both) if self.preset is Preset.ENTRA and self.url in both else frozenset({self.url})


def check_url(name: str, url: object, *, own: bool, allow_private: bool, beside: str | None = None) -> SplitResult:
    """Return the parts of a URL that may be asked. Raises ValueError.

    `own`: a developer wrote it, so that it may be private, and http on loopback. Else a document of the issuer
    `beside` names it: it stays on that host, or is public and https.
    """
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        usable = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, usable = None, False
    printable = isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url
    if parts is None or not usable or not printable or parts.fragment or "@" in parts.netloc or len(str(url)) > 2048:
        raise ValueError(f"{name} must be an absolute https URL without user or fragment, got {url!r:.200}")
    if own and parts.query:
        raise ValueError(f"{name} must be a URL without a query, got {url!r:.200}")
    host = parts.hostname or ""
    trusted = own or (beside is not None and host == urlsplit(beside).hostname)
    if parts.scheme == "http" and not allow_private and not (trusted and is_loopback(host)):
        raise ValueError(f"{name} must be https (http is for loopback, or with allow_private), got {url!r:.200}")
    if not trusted and not allow_private and is_private(host):
        raise ValueError(f"{name} leads to a private address, which needs allow_private, got {url!r:.200}")
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(host: str) -> bool:
    """Whether a host is, as it is written, no public one. Names are not resolved."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        # A number in another spelling (0x7f000001, 2130706433) is an address to some resolvers.
        last = host.rstrip(".").rsplit(".", 1)[-1]
        return "." not in host.rstrip(".") or last in ("localhost", "local", "internal") or last[:1].isdigit()


def _names(name: str, given: str | Iterable[str]) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names or not all(isinstance(one, str) and one and one.isprintable() for one in names):
        raise ValueError(f"{name} must name at least one, for example 'orders-api', got {given!r}")
    return names
