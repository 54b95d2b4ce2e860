"""What is revoked, in memory: exact up to a limit, beyond it a filter whose positives are confirmed by asking."""

import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import islice
from typing import Any, NamedTuple

from auth_service_sdk.bloom import FadingFilter

EXACT_ENTRIES = 65_536
"""Kept exactly, the newest ones: about 15 MB. Older ones go to the filter."""
MAX_ENTRIES = 16_000_000
"""Of the filter, about 50 MB. With more, nothing is taken for certain any more: everything is asked."""
SWEEP_SECONDS = 60
_MOVED_AT_ONCE = 1024

KEY_KIND, API_KEY_KIND = "kid", "api_key"
ALWAYS = ("sid", "jti", "grant_id", KEY_KIND, API_KEY_KIND)
"""Kinds that match always."""
EARLIER = ("sub", "client_id", "aud")
"""Kinds that match what was issued before the entry's moment."""
_CLAIMS = ("jti", "sid", "grant_id")


class Entry(NamedTuple):
    """One revocation: what it names, from when, and until when it can match anything; seconds since 1970."""

    kind: str
    id: str
    at: int
    expires: int


class Verdict(Enum):
    """What the set says of a token."""

    CLEAR = "clear"
    REVOKED = "revoked"
    UNSURE = "unsure"


class RevocationSet:
    """Everything that one audience must refuse, as of one position of its feed.

    `version` is a number that its owner raises with each change: what was found clear at one version needs to be
    compared again only after it. Of the filter, only if `filter_version` is younger.
    """

    def __init__(self, *, exact_entries: int = EXACT_ENTRIES, max_entries: int = MAX_ENTRIES) -> None:
        self._always: dict[str, dict[str, int]] = {kind: {} for kind in ALWAYS}
        self._earlier: dict[str, dict[str, tuple[int, int]]] = {kind: {} for kind in EARLIER}
        self._named: dict[str, int] = {}
        self._filter = FadingFilter()
        self._exact_entries = exact_entries
        self._max_entries = max_entries
        self._swept_at = 0.0
        self._overflowed = False
        self.filter_version = 0

    def add(self, entries: Iterable[Entry], *, version: int, now: float) -> None:
        """Add entries; `now` in the service's time."""
        for entry in entries:
            if entry.kind in self._earlier:
                known = self._earlier[entry.kind]
                at, expires = known.get(entry.id, (0, 0))
                known[entry.id] = (max(at, entry.at), max(expires, entry.expires))
            else:
                held = self._always[entry.kind]
                held[entry.id] = max(held.get(entry.id, 0), entry.expires)
                if entry.kind == API_KEY_KIND:
                    self._named[entry.id] = version
        if now - self._swept_at >= SWEEP_SECONDS:
            self.forget(now)
        while self._exact() > self._exact_entries:
            self._move(version, now)

    def check(self, claims: Mapping[str, Any], kid: str, *, since: int) -> Verdict:
        """Judge a verified token, which was found clear at the version `since`; 0 for one that never was."""
        always = self._always
        for kind in _CLAIMS:
            if claims.get(kind) in always[kind]:
                return Verdict.REVOKED
        if kid in always[KEY_KIND]:
            return Verdict.REVOKED
        aud = claims["aud"]
        audiences = (aud,) if isinstance(aud, str) else aud
        if self._is_earlier(claims, audiences, claims["iat"]):
            return Verdict.REVOKED
        if self.filter_version > since:
            named = [(kind, claims[kind]) for kind in (*_CLAIMS, "sub", "client_id") if claims.get(kind) is not None]
            return self._filtered([*named, *(("aud", audience) for audience in audiences)])
        return Verdict.CLEAR

    def check_key(self, claims: Mapping[str, Any], asked_at: float, *, since: int) -> Verdict:
        """Judge an API key's answer, given at `asked_at` in the service's time, when the set was at `since`.

        Never REVOKED: what the feed names is to be asked again, and may count still, as a key that was rotated.
        """
        if self._named.get(claims["jti"], 0) > since or self._is_earlier(claims, (claims["aud"],), asked_at):
            return Verdict.UNSURE
        if self.filter_version > since:
            named = [(API_KEY_KIND, claims["jti"]), ("sub", claims["sub"]), ("aud", claims["aud"])]
            return self._filtered([*named, ("client_id", claims.get("client_id", ""))])
        return Verdict.CLEAR

    def names_key(self, kid: str) -> bool:
        """Whether a signing key is revoked."""
        return kid in self._always[KEY_KIND]

    def forget(self, now: float) -> None:
        """Let go of what can match nothing any more."""
        self._swept_at = now
        for kind, held in self._always.items():
            if any(expires <= now for expires in held.values()):
                self._always[kind] = {name: expires for name, expires in held.items() if expires > now}
        for kind, known in self._earlier.items():
            if any(expires <= now for _, expires in known.values()):
                self._earlier[kind] = {name: entry for name, entry in known.items() if entry[1] > now}
        keys = self._always[API_KEY_KIND]
        self._named = {name: version for name, version in self._named.items() if name in keys}
        self._filter.forget(now)

    def __len__(self) -> int:
        return self._exact() + self._filter.count

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes: tables, names, numbers, bits."""
        tables = [*self._always.values(), *self._earlier.values(), self._named]
        return sum(sys.getsizeof(table) for table in tables) + 140 * self._exact() + self._filter.size_bytes

    def _is_earlier(self, claims: Mapping[str, Any], audiences: Iterable[str], issued_at: float) -> bool:
        earlier = self._earlier
        for kind in ("sub", "client_id"):
            found = earlier[kind].get(claims.get(kind, ""))
            if found is not None and issued_at < found[0]:
                return True
        panicked = earlier["aud"]
        return bool(panicked) and any(name in panicked and issued_at < panicked[name][0] for name in audiences)

    def _filtered(self, named: Iterable[tuple[str, str]]) -> Verdict:
        may_hold = self._filter.may_hold
        unsure = self._overflowed or any(may_hold(f"{kind}:{name}") for kind, name in named)
        return Verdict.UNSURE if unsure else Verdict.CLEAR

    def _exact(self) -> int:
        return sum(map(len, self._always.values())) + sum(map(len, self._earlier.values()))

    def _move(self, version: int, now: float) -> None:
        """Give the oldest of the largest kind to the filter. Never signing keys: batches are judged by them."""
        kinds = [kind for kind in (*ALWAYS, *EARLIER) if kind != KEY_KIND]
        largest = max(kinds, key=lambda kind: len(self._of(kind)))
        table = self._of(largest)
        moved = list(islice(table.items(), _MOVED_AT_ONCE))
        if not moved or self._filter.count >= self._max_entries:
            self._overflowed = True
        for name, value in moved:
            expires = value if isinstance(value, int) else value[1]
            if not self._overflowed:
                self._filter.add(f"{largest}:{name}", expires, now)
            del table[name]
            if largest == API_KEY_KIND:
                self._named.pop(name, None)
        self.filter_version = version

    def _of(self, kind: str) -> dict[str, Any]:
        return self._always[kind] if kind in self._always else self._earlier[kind]
