"""Several issuers side by side: each token goes to the one it names, and only that one's word counts."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from auth_service_sdk.authenticator import MAX_CACHED_TOKENS, Authenticator, TokenCache, VerifiedToken
from auth_service_sdk.backchannel import BackChannel
from auth_service_sdk.configuration import audiences, issuer_name, leeway_seconds, service_url
from auth_service_sdk.errors import InvalidToken
from auth_service_sdk.followers import Following
from auth_service_sdk.foreign_tokens import ForeignToken, LocalVerification, Source, discovered_keys
from auth_service_sdk.gate import claimed_issuer, shown
from auth_service_sdk.identity import Identity
from auth_service_sdk.introspection import Introspector
from auth_service_sdk.issuers import OIDCIssuer
from auth_service_sdk.logouts import Logout
from auth_service_sdk.verifier import Expectations

IssuerArgument = str | OIDCIssuer | Iterable[str | OIDCIssuer] | None


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a guard trusts: an auth-service at `base_url`, unless `own` is False, and the issuers in `foreign`."""

    base_url: str
    expected: Expectations
    realm: str
    own: bool
    foreign: tuple[OIDCIssuer, ...]

    @property
    def foreign_names(self) -> frozenset[str]:
        """The values of `iss` that are foreign."""
        return frozenset[str]().union(*(issuer.names for issuer in self.foreign))


def read_trust(
    auth_base_url: str | None, issuer: IssuerArgument, expected_audience: str | Iterable[str] | None, leeway: int
) -> Trust:
    """Read the arguments of a middleware. Raises ValueError for what cannot work."""
    given = [issuer] if isinstance(issuer, str | OIDCIssuer) else list(issuer or ())
    foreign = tuple(one for one in given if isinstance(one, OIDCIssuer))
    names = [one for one in given if isinstance(one, str)]
    if len(names) + len(foreign) != len(given) or len(names) > 1:
        raise ValueError(f"issuer must be one string, OIDCIssuer objects, or a list of these, got {issuer!r}")
    if foreign and auth_base_url is None and not names:
        if expected_audience is not None:
            raise ValueError("expected_audience is auth-service's; each OIDCIssuer has an audience of its own")
        first = foreign[0]
        expected = Expectations(first.url, first.audiences, leeway_seconds(leeway))
        trust = Trust(first.url, expected, next(iter(first.audience)), own=False, foreign=foreign)
    else:
        base_url = service_url(auth_base_url)
        accepted = audiences(expected_audience or "")
        name = issuer_name(names[0] if names else None, default=base_url)
        expected = Expectations(name, frozenset(accepted), leeway_seconds(leeway))
        trust = Trust(base_url, expected, accepted[0], own=True, foreign=foreign)
    _refuse_overlap(trust)
    return trust


def _refuse_overlap(trust: Trust) -> None:
    every = [name for issuer in trust.foreign for name in issuer.names] + [trust.expected.issuer] * trust.own
    twice = {name for name in every if every.count(name) > 1}
    if twice:
        raise ValueError(f"issuer names {min(twice)} twice: nobody could tell whose rules count")
    if sum(issuer.introspection is not None for issuer in trust.foreign) > 1:
        # An opaque token does not say whose it is; asking everybody would show it to everybody.
        raise ValueError("issuer may hold one OIDCIssuer with introspection: an opaque token names no issuer")


class TrustedIssuers:
    """Sends each token to the issuer it names, which is compared as a whole string before anything is verified.

    `own` is what accepts auth-service's tokens; None where there are foreign ones alone. Accepted tokens of all
    issuers share one bounded cache.
    """

    def __init__(
        self,
        trust: Trust,
        *,
        own: Authenticator | None,
        following: Following,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cache = TokenCache(MAX_CACHED_TOKENS // 2) if own is None else own.cache
        self._own = own
        self._own_name = trust.expected.issuer if own is not None else None
        self._following = following
        self._sources: dict[str, Source] = {}
        self._opaque: Source | None = None
        self._channels: dict[Source, BackChannel] = {}
        leeway = trust.expected.leeway_seconds
        for issuer in trust.foreign:
            source: Source
            if issuer.introspection is None:
                source = LocalVerification(issuer, leeway=leeway, clock=clock, monotonic=monotonic)
                keys = source.keys
            else:
                source = self._opaque = Introspector(
                    issuer, issuer.introspection, leeway=leeway, clock=clock, monotonic=monotonic
                )
                keys = discovered_keys(issuer, monotonic=monotonic)
            self._sources |= dict.fromkeys(issuer.names, source)
            if issuer.logout is not None:
                self._channels[source] = BackChannel(
                    issuer,
                    issuer.logout,
                    keys,
                    leeway=leeway,
                    forget=partial(self._forget, source),
                    clock=clock,
                    monotonic=monotonic,
                )

    async def authenticate(self, token: bytes, *, strict: bool | None = None) -> Identity:
        """Return the identity behind a token. Raises InvalidToken, KeysUnavailable or RevocationStateUnknown."""
        digest = sha256(token).digest()
        known = self.cache.find(digest)
        source = self._decider(token, known)
        if isinstance(source, Authenticator):
            return await source.authenticate(token, strict=strict)
        known = known if isinstance(known, ForeignToken) else None
        channel = self._channels.get(source)
        entry = await (
            source.accept(token, digest, known)
            if channel is None
            else self._accept(source, channel, token, digest, known)
        )
        # No feed speaks of it: whatever is revoked at auth-service, it is as good as before.
        entry.version, entry.fresh_until = self._following.state.version, entry.good_until
        if entry is not known:
            self.cache.put(digest, entry)
        return entry.identity

    async def receive_logout(self, path: str, token: bytes) -> None:
        """End what a logout token names that came to a path. Raises Refusal."""
        name = claimed_issuer(token)
        source = None if name is None else self._sources.get(name)
        channel = None if source is None else self._channels.get(source)
        if channel is None or channel.path != path:
            raise InvalidToken(f"expected a logout token of an issuer of this path, iss is {shown(name)}")
        await channel.receive(token)

    async def confirm(self, token: bytes) -> None:
        """Ask whether an accepted token still counts. Raises InvalidToken, RevocationStateUnknown."""
        digest = sha256(token).digest()
        known = self.cache.find(digest)
        source = self._decider(token, known)
        if isinstance(source, Authenticator):
            await source.confirm(token)
            return
        try:
            await source.confirm(token, digest)
        except InvalidToken:
            if isinstance(known, ForeignToken):
                # What was heard a moment ago is no longer so, for the routes that do not ask either.
                known.good_until = known.fresh_until = 0.0
            raise

    async def _accept(
        self, source: Source, channel: BackChannel, token: bytes, digest: bytes, known: ForeignToken | None
    ) -> ForeignToken:
        """Accept a token unless its session is known to have ended."""
        logouts = channel.logouts
        await logouts.catch_up()
        learnt = logouts.learnt
        entry = await source.accept(token, digest, known)
        # From here on nothing waits: no logout comes between this look and the entry that is served without one.
        if isinstance(source, LocalVerification):
            # Of a token that is asked about, the issuer itself remembers the logout.
            channel.check_life(entry.identity.claims)
        if logouts.match(entry.identity.claims):
            entry.good_until = 0.0
            raise InvalidToken("the session of the token has ended: its issuer said so")
        # An answer of introspection that was asked for before a logout came says nothing of it.
        entry.good_until = 0.0 if logouts.learnt != learnt else min(entry.good_until, logouts.fresh_until)
        return entry

    def _forget(self, source: Source, logout: Logout) -> None:
        """Take back what was accepted before a logout; what it does not concern is accepted again."""
        for entry in self.cache.entries():
            if isinstance(entry, ForeignToken) and entry.source is source:
                identity = entry.identity
                if logout.may_concern(identity.sid, identity.sub):
                    entry.good_until = entry.fresh_until = 0.0

    def _decider(self, token: bytes, known: VerifiedToken | None) -> Source | Authenticator:
        """Who decides about a token. Raises InvalidToken when nobody here does."""
        if isinstance(known, ForeignToken):
            return known.source
        if known is not None and self._own is not None:
            return self._own
        name = claimed_issuer(token)
        if name is None and self._opaque is not None:
            return self._opaque
        if name is not None and name == self._own_name and self._own is not None:
            return self._own
        source = None if name is None else self._sources.get(name)
        if source is None:
            wanted = " or ".join(sorted({*self._sources, *([self._own_name] if self._own_name else [])}))
            came = "is opaque" if name is None else f"has {shown(name)}"
            raise InvalidToken(f"expected issuer {wanted}, token {came}", misconfigured=True)
        return source
