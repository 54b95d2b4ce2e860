"""What all followers of one audience share: a chain of batches, each of which ends in the promise of the next."""

import asyncio

from app.signals.signed import SignedBatch


class Link:
    """One batch in the chain. A follower holds the link it has read; what nobody has yet to read is let go of."""

    __slots__ = ("_arrived", "_next", "has_entries", "signed")

    def __init__(self, signed: SignedBatch, *, has_entries: bool) -> None:
        self.signed = signed
        self.has_entries = has_entries
        self._arrived = asyncio.Event()
        self._next: Link | None = None

    async def next(self) -> "Link | None":
        """The batch after this one, awaited; None where the chain has ended and followers have to come again."""
        await self._arrived.wait()
        return self._next

    @property
    def has_next(self) -> bool:
        """Whether `next` answers at once."""
        return self._arrived.is_set()

    def append(self, link: "Link | None") -> None:
        """Hand everybody who waits the next batch, or the end."""
        self._next = link
        self._arrived.set()


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
