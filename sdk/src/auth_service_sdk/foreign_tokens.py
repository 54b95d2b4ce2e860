"""Tokens of foreign issuers, verified here by the keys their issuer publishes."""

import time
from collections.abc import Callable
from typing import Any, Protocol

from auth_service_sdk.authenticator import VerifiedToken
from auth_service_sdk.discovery import Discovery
from auth_service_sdk.errors import InvalidToken, RevocationStateUnknown
from auth_service_sdk.gate import ACCESS_TOKEN_TYPES, FOREIGN_HEADER_MEMBERS, parse, shown
from auth_service_sdk.identity import Identity
from auth_service_sdk.issuers import OIDCIssuer
from auth_service_sdk.keyset import KeySet
from auth_service_sdk.presets import check_kind, to_identity
from auth_service_sdk.verifier import check_audience, check_signature, check_subject, check_times

LOOK_AGAIN_SECONDS = 5.0
"""How long a verified token is served without a look at whether its key still stands."""


class ForeignToken(VerifiedToken):
    """An accepted token, beside what accepted it. It counts until `good_until`, in monotonic time."""

    __slots__ = ("good_until", "source")

    def __init__(
        self, identity: Identity, source: "Source", *, good_until: float, kid: str = "", thumb: str = ""
    ) -> None:
        super().__init__(identity, kid=kid, thumbprint=thumb)
        self.source = source
        self.good_until = good_until


class Source(Protocol):
    """One way to find out whether a token of one issuer counts."""

    async def accept(self, token: bytes, digest: bytes, known: ForeignToken | None) -> ForeignToken:
        """Return the token's entry, `known` where that still holds. Raises Refusal."""
        ...

    async def confirm(self, token: bytes, digest: bytes) -> None:
        """Ask the issuer at this very moment. Raises InvalidToken, RevocationStateUnknown."""
        ...


class LocalVerification:
    """Accepts an issuer's tokens by its key set. Nobody says here what was revoked: a token counts until it expires."""

    def __init__(
        self,
        issuer: OIDCIssuer,
        *,
        leeway: int,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._profile = issuer.profile
        self._paths = issuer.paths
        self._leeway = leeway
        self._clock = clock
        self._monotonic = monotonic
        self._algorithms = frozenset(issuer.allowed_algorithms)
        self.keys = discovered_keys(issuer, monotonic=monotonic)

    async def accept(self, token: bytes, digest: bytes, known: ForeignToken | None) -> ForeignToken:  # noqa: ARG002
        """Verify a token, or look whether the proof of a known one stands. Raises InvalidToken, KeysUnavailable."""
        if known is None or not await self._still_holds(known):
            known = await self._verify(token)
        left = known.expires_at + self._leeway - self._clock()
        known.good_until = self._monotonic() + min(left, LOOK_AGAIN_SECONDS)
        return known

    async def confirm(self, token: bytes, digest: bytes) -> None:  # noqa: ARG002 — nobody can be asked
        """Nobody can be asked about a session at this issuer. Raises RevocationStateUnknown."""
        raise RevocationStateUnknown(
            f"{self._issuer.url} has no feed of revocations and its tokens are not introspected", retry_after_seconds=60
        )

    async def _still_holds(self, known: ForeignToken) -> bool:
        if known.expires_at + self._leeway <= self._clock():
            return False
        key = await self.keys.find(known.kid)
        return key is not None and key.thumbprint == known.thumbprint

    async def _verify(self, token: bytes) -> ForeignToken:
        parsed = parse(token, types=self._profile.types, members=FOREIGN_HEADER_MEMBERS, algorithms=self._algorithms)
        # Before the key: a token for somebody else must cost neither a fetch nor a signature check.
        check_foreign(parsed.claims, self._issuer)
        check_times(parsed.claims, self._clock(), self._leeway)
        check_kind(parsed.claims, self._profile, is_typed=parsed.typ in ACCESS_TOKEN_TYPES)
        key = await self.keys.find(parsed.kid)
        if key is None:
            raise InvalidToken(f"expected a kid the issuer publishes, token has {shown(parsed.kid)}")
        check_signature(parsed, key)
        identity = to_identity(parsed.claims, self._profile, self._paths, self._issuer.clients)
        return ForeignToken(identity, self, good_until=0.0, kid=key.kid, thumb=key.thumbprint)


def discovered_keys(issuer: OIDCIssuer, *, monotonic: Callable[[], float] = time.monotonic) -> KeySet:
    """Return the keys of an issuer, which are found by discovery when the first one is asked for."""
    discovery = Discovery(issuer, monotonic=monotonic)
    return KeySet(discovery.key_set, read=discovery.read_keys, monotonic=monotonic)


def check_foreign(claims: dict[str, Any], issuer: OIDCIssuer) -> None:
    """Refuse claims of another issuer, tenant or audience, and those bound to a key. Raises InvalidToken."""
    name = claims.get("iss")
    if not isinstance(name, str) or name not in issuer.names:
        raise InvalidToken(f"expected issuer {issuer.url}, token has {shown(name)}", misconfigured=True)
    if issuer.preset == "entra" and claims.get("tid") != issuer.tenant:
        raise InvalidToken(f"expected tid {issuer.tenant}, token has {shown(claims.get('tid'))}", misconfigured=True)
    check_audience(claims.get(issuer.profile.audience), issuer.audiences)
    check_subject(claims.get("sub"))
    if "cnf" in claims:
        raise InvalidToken("the token is bound to a key (cnf) and no valid proof came with it")
