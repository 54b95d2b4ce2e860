"""Making, finding and spending links."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import urlencode
from uuid import UUID

from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.ids import new_id
from app.foundation.secrets import hash_secret, random_secret
from app.links import store
from app.links.settings import LinkSettings

# Nothing else is looked up.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class LinkKind(StrEnum):
    """What a link is for. No token of one kind does what another's does."""

    VERIFY_EMAIL = "verify_email"
    CHANGE_EMAIL = "change_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 — a kind
    WASNT_ME = "wasnt_me"


PENDING = (LinkKind.VERIFY_EMAIL, LinkKind.CHANGE_EMAIL, LinkKind.RESET_PASSWORD)
"""The kinds by which something is changed; `wasnt_me` only stops things."""

PAGES: Mapping[LinkKind, str] = MappingProxyType(
    {
        LinkKind.VERIFY_EMAIL: "/email/confirm",
        LinkKind.CHANGE_EMAIL: "/email/confirm",
        LinkKind.RESET_PASSWORD: "/password/new",
        LinkKind.WASNT_ME: "/not-me",
    }
)
"""The hosted page behind each kind, below PUBLIC_URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as it was made. `email` is the address that it is about."""

    id: UUID
    kind: LinkKind
    user_id: UUID
    email: str | None
    created_at: datetime


class Links:
    """The links of this deployment. `public_url` is what their addresses begin with, whatever a request says."""

    def __init__(self, db: Database, clock: Clock, settings: LinkSettings, *, public_url: str) -> None:
        self._db = db
        self._clock = clock
        self._public_url = public_url
        self.invitation_seconds = settings.invitation_seconds
        self._seconds = {
            LinkKind.VERIFY_EMAIL: settings.verification_seconds,
            LinkKind.CHANGE_EMAIL: settings.verification_seconds,
            LinkKind.RESET_PASSWORD: settings.reset_seconds,
            LinkKind.WASNT_ME: settings.wasnt_me_seconds,
        }

    def seconds(self, kind: LinkKind) -> int:
        """How long a link of this kind is good."""
        return self._seconds[kind]

    def address(self, path: str) -> str:
        """The address of a page of ours, for a mail."""
        return self._public_url + path

    async def issue(
        self, tx: Transaction, kind: LinkKind, user_id: UUID, *, email: str | None = None, seconds: int | None = None
    ) -> str:
        """Make a link and return its address, which nobody can read again. The former one of its kind is dead.

        It is good for `seconds`, by default for as long as its kind is.
        """
        now, raw_token = self._clock.now(), random_secret()
        row = {
            "id": new_id(now),
            "kind": kind.value,
            "token_hash": hash_secret(raw_token),
            "user_id": user_id,
            "email": email,
            "created_at": now,
            "expires_at": now + timedelta(seconds=seconds or self._seconds[kind]),
        }
        await store.put(tx, row)
        return f"{self.address(PAGES[kind])}?{urlencode({'token': raw_token})}"

    async def find(self, raw_token: str, *kinds: LinkKind) -> Link | None:
        """The link that this token would spend, which stays as it is. A use case of its own."""
        if _TOKEN.fullmatch(raw_token) is None:
            return None
        async with self._db.transaction() as tx:
            return _link(await store.find(tx, hash_secret(raw_token), kinds, now=self._clock.now()))

    async def claim(self, tx: Transaction, raw_token: str, *kinds: LinkKind) -> Link | None:
        """Spend the link of this token; None where somebody else did, or where it is not good."""
        if _TOKEN.fullmatch(raw_token) is None:
            return None
        return _link(await store.claim(tx, hash_secret(raw_token), kinds, now=self._clock.now()))

    async def end(self, tx: Transaction, user_id: UUID, *kinds: LinkKind) -> None:
        """Make a user's links of these kinds worthless."""
        await store.end(tx, user_id, kinds, now=self._clock.now())

    async def delete(self, tx: Transaction, user_id: UUID) -> None:
        """Remove every link of a user."""
        await store.remove(tx, user_id)


class WasntMe:
    """Makes the link "this was not me" of every security mail."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def link(self, tx: Transaction, user_id: UUID, *, restores: str | None = None) -> str:
        """The address for a mail's `wasnt_me_url`: good for a week, once.

        With `restores`, the address that the mail goes to, it also undoes a change of address.
        """
        return await self._links.issue(tx, LinkKind.WASNT_ME, user_id, email=restores)


def _link(row: store.Found | None) -> Link | None:
    if row is None:
        return None
    return Link(id=row.id, kind=LinkKind(row.kind), user_id=row.user_id, email=row.email, created_at=row.created_at)
