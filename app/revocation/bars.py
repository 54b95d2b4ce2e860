"""What may not be issued yet: tokens that an entry of the kinds `sub`, `client_id` or `aud` would match.

Such an entry matches what was issued before its moment, the next whole second. Whoever mints reads the entries whose
moment may lie ahead by the very statement that says what is held, and waits for it. A token bears the moment before
that statement: if the entry committed after it, the token is one of those that are ended. Spec: contract section 8.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from app.foundation.clock import Clock
from app.foundation.errors import Unavailable
from app.revocation.kinds import RevocationKind

# An entry's moment is a second ahead at most; the rest is for clocks that differ a little.
LONGEST_WAIT_SECONDS = 2.0

# As JSON: of a user, and of every client and audience, of which few are ended within one second. The margin is for a
# process whose clock is a little behind the database's.
BARS = """
    (SELECT json_agg(json_build_array(b.kind, b.target, extract(epoch FROM b.at))) FROM (
      SELECT kind, target, at FROM revocations
      WHERE kind IN ('client_id', 'aud') AND at > now() - interval '1 second'
      UNION ALL
      SELECT kind, target, at FROM revocations
      WHERE kind = 'sub' AND target = (SELECT sub FROM users WHERE id = {user_id})
        AND at > now() - interval '1 second') b)"""


class Bar(NamedTuple):
    """Until the moment `at`, in seconds since 1970, no token that names `target` is issued."""

    kind: RevocationKind
    target: str
    at: float


def parse_bars(told: Iterable[tuple[str, str, float]] | None) -> tuple[Bar, ...]:
    """What `BARS` yields."""
    return tuple(Bar(RevocationKind(kind), target, at) for kind, target, at in told or ())


async def first_moment(
    clock: Clock, bars: Iterable[Bar], *, read_at: datetime, sub: str, client_id: str, aud: str
) -> datetime:
    """When a token may say that it was issued: `read_at`, or the last bar's moment, awaited.

    `read_at` is a moment before the bars were read. Raises Unavailable for a bar that lies further ahead than any can.
    """
    named = {RevocationKind.SUB: sub, RevocationKind.CLIENT_ID: client_id, RevocationKind.AUD: aud}
    at = max((bar.at for bar in bars if named.get(bar.kind) == bar.target), default=0.0)
    if at <= read_at.timestamp():
        return read_at
    await let_pass(clock, at)
    return datetime.fromtimestamp(at, UTC)


async def let_pass(clock: Clock, moment: float) -> None:
    """Wait for a moment. Raises Unavailable where it lies further ahead than a bar can."""
    remaining = moment - clock.now().timestamp()
    if remaining > LONGEST_WAIT_SECONDS:
        raise Unavailable(retry_after_seconds=int(remaining) + 1, detail="tokens of that name are ended until later")
    if remaining > 0:
        await asyncio.sleep(remaining)
