"""What all followers of one audience share: a chain of batches, each of which ends in the promise of the next."""

import asyncio
from collections import deque

from app.signals.signed import SignedBatch

WOKEN_AT_ONCE = 128
"""Followers that are woken before the process looks after anything else again: of many, all at once take a while."""


class Link:
    """One batch in the chain. A follower holds the link it has read; what nobody has yet to read is let go of."""

    __slots__ = ("_has_next", "_next", "_waiting", "has_entries", "signed")

    def __init__(self, signed: SignedBatch, *, has_entries: bool) -> None:
        self.signed = signed
        self.has_entries = has_entries
        self._has_next = False
        self._next: Link | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def next(self) -> "Link | None":
        """The batch after this one, awaited; None where the chain has ended and followers have to come again."""
        if not self._has_next:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting
        return self._next

    @property
    def has_next(self) -> bool:
        """Whether `next` answers at once."""
        return self._has_next

    def append(self, link: "Link | None") -> None:
        """Hand everybody who waits the next batch, or the end."""
        self._next, self._has_next = link, True
        self._wake()

    def _wake(self) -> None:
        waiting = self._waiting
        for _ in range(min(WOKEN_AT_ONCE, len(waiting))):
            future = waiting.popleft()
            # Who was cancelled waits no longer.
            if not future.done():
                future.set_result(None)
        if waiting:
            asyncio.get_running_loop().call_soon(self._wake)


class Channel:
    """The chain of one audience: the last batch of it, and up to which number it goes."""

    __slots__ = ("followers", "last", "to")

    def __init__(self, to: int) -> None:
        self.followers = 0
        self.to = to
        # The first link carries nothing: whoever begins here waits for the next one.
        self.last = Link(SignedBatch(b"", ""), has_entries=False)

    def put(self, signed: SignedBatch, *, to: int, has_entries: bool) -> None:
        """Add a batch for everybody who follows."""
        link = Link(signed, has_entries=has_entries)
        self.last.append(link)
        self.last, self.to = link, to

    def end(self) -> None:
        """Send everybody away, to come again with their cursors."""
        self.last.append(None)
