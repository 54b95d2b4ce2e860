"""Asking about access tokens that many requests of one moment came with."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.gathering import Gathering
from app.protocols.jose.claims import TokenClaims

Told = Mapping[str, Any]
"""What a statement says of one token."""


class Asking(NamedTuple):
    """The client that asks, as this process knows it: an answer confirms that it still is."""

    client_id: str
    version: int


class LiveTokens:
    """What one of the statements of `store` on live tokens says of a token whose signature holds."""

    def __init__(self, db: Database, clock: Clock, statement: str) -> None:
        self._db = db
        self._clock = clock
        self._statement = statement
        self._gathering = Gathering[tuple[TokenClaims, Asking | None], Told | None](self._read)

    async def find(self, token: TokenClaims, *, asking: Asking | None = None) -> Told | None:
        """It; None for a token that does not count, or where the client that asks has changed.

        One statement on the hot pool, for all who ask at one moment. Raises DatabaseUnavailable.
        """
        return await self._gathering.ask((token, asking))

    async def _read(self, questions: Sequence[tuple[TokenClaims, Asking | None]]) -> Sequence[Told | None]:
        asked = to_json([_row(place, *question) for place, question in enumerate(questions)]).decode()
        row = await self._db.fetchrow(self._statement, asked, self._clock.now(), repeatable=True)
        told = dict[int, Told](from_json(row[0]) if row is not None and row[0] is not None else ())
        return [told.get(place) for place in range(len(questions))]


def _row(place: int, token: TokenClaims, asking: Asking | None) -> dict[str, object]:
    claims = token.members
    return {
        "place": place,
        "sid": claims["sid"],
        "grant_id": claims["grant_id"],
        "sub": token.sub,
        "jti": claims["jti"],
        "aud": token.audiences[0],
        "iat": token.issued_at,
        "asking": None if asking is None else asking.client_id,
        "version": None if asking is None else asking.version,
    }
