"""Many signed-in people at once, without a password each: their sessions, grants and tokens."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from app.foundation.cache import CacheUnavailable
from app.grants.access_token import TYPE
from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.claims import TokenClaims
from app.signing_keys.errors import InvalidToken
from app.wiring import Services
from tests.administrators import BY
from tests.revocation.conftest import until
from tests.support import ISSUER, People

_SESSIONS = text(
    """
    WITH model AS (SELECT * FROM sessions WHERE sid = :sid), named AS (
      SELECT gen_random_uuid() AS id, CAST(:prefix AS text) || n AS sid FROM generate_series(1, CAST(:many AS int)) n
    ), opened AS (
      INSERT INTO sessions SELECT p.* FROM model, named, jsonb_populate_record(NULL::sessions,
        to_jsonb(model) || jsonb_build_object('id', named.id, 'sid', named.sid)) p
    )
    INSERT INTO grants (id, grant_id, session_id, user_id, client_id, audience, created_at, expires_at)
    SELECT gen_random_uuid(), 'g' || named.sid, named.id, user_id, 'first-party', 'orders-api',
      created_at, expires_at FROM model, named
    """
)


@dataclass(frozen=True, slots=True)
class Member:
    sid: str
    raw_token: str
    verified: TokenClaims


class Crowd:
    def __init__(self, services: Services, sub: str, members: list[Member]) -> None:
        self.services, self.sub, self.members = services, sub, members

    @classmethod
    async def gather(cls, services: Services, people: People, many: int) -> "Crowd":
        tokens = await people.signed_in()
        model = (await services.keys.verify(tokens["access_token"], typ=TYPE, issuer=ISSUER)).members
        prefix = uuid4().hex[:8] + "-"
        async with services.db.transaction() as tx:
            await tx.execute(_SESSIONS, {"sid": model["sid"], "many": many, "prefix": prefix})
        members = []
        for number in range(1, many + 1):
            sid = f"{prefix}{number}"
            claims = {**model, "aud": "orders-api", "sid": sid, "grant_id": f"g{sid}", "jti": uuid4().hex}
            raw_token = services.keys.sign(claims, algorithm=Algorithm.RS256, typ=TYPE)
            members.append(Member(sid, raw_token, verified_of(claims)))
        return cls(services, model["sub"], members)

    async def revoke(self, *members: Member) -> None:
        async with self.services.db.transaction() as tx:
            for member in members:
                await self.services.sessions.end(tx, member.sid, subject=self.sub, reason="test", **BY)

    async def accepted(self, members: Iterable[Member], *, by: Services | None = None) -> int:
        """How many of them `GET /auth/validate` accepts now."""
        principals = (by or self.services).principals

        async def counts(member: Member) -> bool:
            try:
                await principals.validate([f"Bearer {member.raw_token}"])
            except InvalidToken:
                return False
            return True

        return sum(await asyncio.gather(*(counts(member) for member in members)))


def verified_of(claims: dict[str, Any]) -> TokenClaims:
    """A token's claims as whoever has checked its signature holds them."""
    return TokenClaims(
        sub=claims["sub"],
        audiences=(claims["aud"],),
        issued_at=claims["iat"],
        expires_at=claims["exp"],
        members=claims,
    )


@asynccontextmanager
async def following(services: Services, *, keeps: bool = True) -> AsyncIterator[None]:
    """The background work of a web process that concerns revocations."""
    works = [services.feed.run(), services.wake.hear(), services.cache.watch()]
    tasks = [asyncio.create_task(work) for work in (*works, *([services.filter_keeper.run()] if keeps else []))]
    try:
        await until(lambda: services.follower.age_seconds is not None)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def keep_up(services: Services) -> None:
    """Bring the filter up to the feed, however busy Valkey is."""

    async def kept() -> bool:
        try:
            await services.filter_keeper.keep_up()
        except CacheUnavailable:
            return False
        return True

    await until(kept)


async def until_clear(services: Services, member: Member, *, seconds: float = 60) -> float:
    """Seconds until the filter answers for a token that counts."""
    began_at = time.monotonic()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not await services.lookup.is_clear(member.verified):
                await asyncio.sleep(0.01)
            return time.monotonic() - began_at
    raise AssertionError("the filter never answered again")
