"""What a refresh is asked with, what it gives, and how long things last."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from app.audiences.service import AudienceView
from app.foundation.origin import Origin
from app.grants.settings import TokenSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequest:
    """Who refreshes, for which audience, from where. Without an audience it is the grant's own.

    A client that is not ours comes with the `version` that it was read at. It may narrow the one access token to a
    `scope` of its grant, and name the grant's `target`, by any of that audience's URIs.
    """

    client_id: str
    audience: str | None
    origin: Origin
    version: int | None = None
    scope: tuple[str, ...] | None = None
    target: AudienceView | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Rotated:
    """A refresh token's grant, as its row said no earlier than `read_at`, and the successor of the token."""

    row: asyncpg.Record
    read_at: datetime
    refresh_token: str
    refresh_expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationLifetimes:
    """`refresh` is the life of each successor, `grace` how long a repeated rotation gets the same answer."""

    refresh: timedelta
    grace: timedelta

    @classmethod
    def of(cls, settings: TokenSettings) -> "RotationLifetimes":
        """What the settings say."""
        return cls(
            refresh=timedelta(seconds=settings.refresh_token_seconds),
            grace=timedelta(seconds=settings.refresh_grace_seconds),
        )
