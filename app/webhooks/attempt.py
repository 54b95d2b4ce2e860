"""One sending of one delivery, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.foundation.clock import Clock
from app.foundation.http.outbound import CallFailed, Outbound
from app.protocols import standard_webhooks
from app.webhooks import rules

MAX_ANSWER_BYTES = 65_536
_EXCERPT_CHARACTERS = 1024
_TOO_MANY, _UNAVAILABLE, _GONE = 429, 503, 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A delivery in hand. `attempts` counts this one too."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    lane: str
    body: str
    attempts: int
    expires_at: datetime
    url: str
    suspect: bool

    @property
    def is_test(self) -> bool:
        """Whether somebody waits for the answer: it is tried once, and says nothing of the endpoint's health."""
        return self.event_type == rules.TEST_TYPE

    @classmethod
    def of(cls, row: Row[Any]) -> "Sending":
        """The delivery in a row that was claimed."""
        names = [name for name in cls.__slots__ if name != "lane"]
        return cls(lane=row.object, **{name: getattr(row, name) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of it. `failure` is None if and only if the receiver took the event: a whole answer of 2xx."""

    at: datetime
    duration_ms: int
    status: int | None
    failure: str | None
    detail: str | None
    answer: str | None
    wait: timedelta | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has taken the event."""
        return self.failure is None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver says that nobody is there any more. Spec: Standard Webhooks 1.0, "Deliverability"."""
        return self.status == _GONE


class Sender:
    """Sends. An answer counts when it has come whole, within the time and the size that there are for it."""

    def __init__(self, outbound: Outbound, clock: Clock, *, timeout_seconds: float) -> None:
        self._outbound = outbound
        self._clock = clock
        self.timeout_seconds = timeout_seconds

    async def send(self, sending: Sending, keys: Sequence[bytes]) -> Attempt:
        """Send once, signed with every key."""
        at, started = self._clock.now(), monotonic()
        body = sending.body.encode()
        signed = standard_webhooks.headers(
            keys, message_id=str(sending.event_id), timestamp=int(at.timestamp()), body=body
        )
        status: int | None
        failure = detail = None
        wait = None
        try:
            answer = await self._outbound.send(
                "POST",
                sending.url,
                purpose="webhook",
                content=body,
                headers={"Content-Type": "application/json", **signed},
                max_bytes=MAX_ANSWER_BYTES,
                total_seconds=self.timeout_seconds,
            )
        except CallFailed as failed:
            status, content, failure, detail = failed.status, failed.body, failed.failure.value, str(failed)
        else:
            status, content = answer.status, answer.body
            if not 200 <= status < 300:
                failure, detail = "status", f"the receiver answered {status}"
                if status in {_TOO_MANY, _UNAVAILABLE}:
                    wait = retry_after(answer.headers.get("retry-after"), self._clock.now())
        return Attempt(
            at=at,
            duration_ms=round((monotonic() - started) * 1000),
            status=status,
            failure=failure,
            detail=detail,
            answer=_excerpt(content),
            wait=wait,
        )


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long a receiver asks to be left alone, None where it does not say. Spec: RFC 9110 §10.2.3."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text[:10]), 30 * 86_400))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(at - now, timedelta(0))


def _excerpt(content: bytes) -> str | None:
    if not content:
        return None
    text = content[: 4 * _EXCERPT_CHARACTERS].decode(errors="replace")
    kept = (each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)
    return "".join(kept)[:_EXCERPT_CHARACTERS]
