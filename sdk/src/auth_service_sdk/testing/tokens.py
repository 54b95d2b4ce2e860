"""Request headers for callers of every kind, welcome and not."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypedDict, Unpack

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from auth_service_sdk.gate import parse
from auth_service_sdk.issuers import OIDCIssuer
from auth_service_sdk.testing.discovery import application_near, calling_frame, guards_of
from auth_service_sdk.testing.issuer import Issuer, signing_keys
from auth_service_sdk.testing.shapes import Person, header_type, shaped

BAD_TOKENS = ("expired", "wrong_audience", "wrong_issuer", "wrong_algorithm", "wrong_key", "revoked")
"""The makers of tokens that must be refused, by the names of their methods: for `pytest.mark.parametrize`."""

LIFETIME_SECONDS = 600
ACTION_LIFETIME_SECONDS = 120
USER = "user-1"
FIRST_PARTY = "first-party"


@dataclass(frozen=True, slots=True)
class _Token:
    """What a token says. `issuer` is None for auth-service."""

    claims: dict[str, Any]
    issuer: OIDCIssuer | None


class Caller(TypedDict, total=False):
    """Who asks. What is left out is `user-1`, signed in just now at the application under test, without any rights.

    `client_id` equal to `sub` makes a client's own token, of kind `"service"`, without session and sign-in time.
    `auth_time` is in seconds since 1970. `claims` sets any claim, and leaves one out by the value None. `app` is the
    application under test or a client of it; `audience` and `issuer` are otherwise taken from what guards it. Where
    that is an OIDCIssuer the token looks as its preset says; `opaque` makes one that says nothing by itself.
    """

    roles: Sequence[str]
    scopes: Sequence[str]
    permissions: Sequence[str]
    sub: str
    email: str | None
    client_id: str
    audience: str | Sequence[str]
    issuer: str | OIDCIssuer
    opaque: bool
    auth_time: float
    algorithm: str
    claims: Mapping[str, Any]
    app: Any


class AuthAs:
    """Makes the headers of a caller: `auth_as(roles=["admin"])`; bad ones by the methods named in BAD_TOKENS."""

    def __init__(self, issuer: Issuer, *, app: Any = None, fixtures: Callable[[], Mapping[str, Any]] = dict) -> None:
        self._issuer = issuer
        self._app = app
        self._fixtures = fixtures

    def __call__(self, **caller: Unpack[Caller]) -> dict[str, str]:
        """Return headers with a token that is accepted."""
        return _headers(self._sign(caller, self._token(caller, calling_frame())))

    def expired(self, **caller: Unpack[Caller]) -> dict[str, str]:
        """Return headers with a token that was good an hour ago."""
        token = self._token(caller, calling_frame())
        for name in ("iat", "exp", "auth_time", "nbf"):
            if name in token.claims:
                token.claims[name] -= 3600 + LIFETIME_SECONDS
        return _headers(self._sign(caller, token))

    def wrong_audience(self, **caller: Unpack[Caller]) -> dict[str, str]:
        """Return headers with a token that was issued for another service."""
        token = self._token(caller, calling_frame())
        token.claims["aud" if token.issuer is None else token.issuer.profile.audience] = "another-service"
        return _headers(self._sign(caller, token))

    def wrong_issuer(self, **caller: Unpack[Caller]) -> dict[str, str]:
        """Return headers with a token that says it comes from another issuer."""
        token = self._token(caller, calling_frame())
        token.claims["iss"] = "https://issuer.invalid"
        return _headers(self._sign(caller, token))

    def wrong_algorithm(self, **caller: Unpack[Caller]) -> dict[str, str]:
        """Return headers with a token signed by HS256, the published key being the secret."""
        return _headers(self._issuer.sign_with_public_key(self._token(caller, calling_frame()).claims))

    def wrong_key(self, **caller: Unpack[Caller]) -> dict[str, str]:
        """Return headers with a token that names a published key and was signed by another one."""
        algorithm = caller.get("algorithm", self._issuer.algorithm)
        return _headers(self._sign(caller, self._token(caller, calling_frame()), key=_strangers_key(algorithm)))

    def revoked(self, **caller: Unpack[Caller]) -> dict[str, str]:
        """Return headers with a genuine token whose session has ended.

        Raises LookupError for an issuer whose tokens nobody is asked about: they count until they expire.
        """
        token = self._token(caller, calling_frame())
        signed = self._sign(caller, token)
        if token.issuer is None:
            self._issuer.end_session(signed)
        elif token.issuer.introspection is None:
            url = token.issuer.url
            raise LookupError(f"tokens of {url} are not introspected: post auth_issuer.logout_token(…) to its endpoint")
        else:
            self._issuer.revoke(signed)
        return _headers(signed)

    def confirmed(self, headers: Mapping[str, str], action: str, *, request_hash: str | None = None) -> dict[str, str]:
        """Return the headers of a caller together with a fresh action token of theirs for one act."""
        session = parse(headers["Authorization"].removeprefix("Bearer ").encode()).claims
        now = int(time.time())
        claims = {name: session[name] for name in ("iss", "sub", "aud", "sid")}
        claims |= {"action": action, "jti": uuid.uuid4().hex, "iat": now, "exp": now + ACTION_LIFETIME_SECONDS}
        if request_hash is not None:
            claims["request_hash"] = request_hash
        return {**headers, "X-Action-Token": self._issuer.sign(claims, typ="action+jwt")}

    def application(self, frame: FrameType | None) -> Any:
        """Return the application under test, as seen from a frame of the test. Raises LookupError."""
        return application_near(frame, self._fixtures()) if self._app is None else self._app

    def _sign(self, caller: Caller, token: _Token, *, key: Key | None = None) -> str:
        if caller.get("opaque"):
            return self._issuer.opaque(token.claims)
        typ = "at+jwt" if token.issuer is None else header_type(token.issuer)
        return self._issuer.sign(token.claims, algorithm=caller.get("algorithm"), key=key, typ=typ)

    def _token(self, caller: Caller, frame: FrameType | None) -> _Token:
        check_names("auth_as", caller, Caller)
        issuer, audience = self._aim(caller, frame)
        if isinstance(issuer, OIDCIssuer):
            claims = shaped(issuer, _person(caller), audience)
        else:
            claims = self._own_claims(caller, issuer, audience)
        claims |= caller.get("claims", {})
        own = issuer if isinstance(issuer, OIDCIssuer) else None
        return _Token({name: value for name, value in claims.items() if value is not None}, own)

    def _own_claims(self, caller: Caller, issuer: str, audience: Any) -> dict[str, Any]:
        now = int(time.time())
        sub = caller.get("sub", USER)
        client_id = caller.get("client_id", FIRST_PARTY)
        claims: dict[str, Any] = {
            "iss": issuer,
            "sub": sub,
            "aud": audience,
            "client_id": client_id,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": uuid.uuid4().hex,
            "grant_id": uuid.uuid4().hex,
            "scope": " ".join(_names(caller, "scopes")),
            "roles": _names(caller, "roles"),
            "permissions": _names(caller, "permissions"),
            "email": caller.get("email"),
        }
        if client_id != sub:
            auth_time = int(caller.get("auth_time", now))
            claims |= {"sid": uuid.uuid4().hex, "auth_time": auth_time, "amr": ["pwd"], "acr": "aal1"}
        return claims

    def _aim(self, caller: Caller, frame: FrameType | None) -> tuple[str | OIDCIssuer, Any]:
        """The issuer and the audience of a token. Raises LookupError when nothing says them."""
        issuer, audience = caller.get("issuer"), caller.get("audience")
        if isinstance(issuer, OIDCIssuer) or (issuer is not None and audience is not None):
            return issuer, audience
        guards = guards_of(caller["app"] if "app" in caller else self.application(frame))
        foreign = [one for guard in guards for one in guard.foreign]
        named = next((one for one in foreign if issuer in one.names), None)
        if named is None and issuer is None and not guards[0].trusts_service:
            named = foreign[0]
        if named is not None:
            return named, audience
        audience = audience or sorted({min(guard.expected.audiences) for guard in guards})
        return issuer or guards[0].expected.issuer, audience if isinstance(audience, str) else list(audience)


def check_names(function: str, arguments: Mapping[str, Any], known: type) -> None:
    """Raise TypeError for keyword arguments that a TypedDict does not know: Python itself lets them pass."""
    unknown = arguments.keys() - known.__annotations__.keys()
    if unknown:
        raise TypeError(
            f"{function}: unknown {', '.join(sorted(unknown))}; known are {', '.join(known.__annotations__)}"
        )


def _names(caller: Caller, what: str) -> list[str]:
    names: Any = caller.get(what, ())
    if isinstance(names, str):
        raise TypeError(f"{what} must be a list of names, got the string {names!r}: {what}=[{names!r}]")
    return list(names)


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _person(caller: Caller) -> Person:
    auth_time = caller.get("auth_time")
    return Person(
        sub=caller.get("sub", USER),
        client_id=caller.get("client_id"),
        now=int(time.time()),
        lifetime=LIFETIME_SECONDS,
        roles=_names(caller, "roles"),
        scopes=_names(caller, "scopes"),
        permissions=_names(caller, "permissions"),
        email=caller.get("email"),
        auth_time=None if auth_time is None else int(auth_time),
    )


def _strangers_key(algorithm: str) -> Key:
    published = signing_keys()[algorithm]
    if isinstance(published, RSAKey):
        return RSAKey.generate_key(2048)
    return ECKey.generate_key(published.curve_name) if isinstance(published, ECKey) else OKPKey.generate_key("Ed25519")
