"""Lists in pages: `?limit=` and `?after=`, answered by `{items, next}`.

A cursor is authenticated and bound to the list, its filter, its order and the caller: it opens the next page of
that list and nothing else.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query

from app.foundation.encryption import Keyring, UnknownKey
from app.foundation.errors import InvalidCursor
from app.foundation.secrets import encode_secret, equal

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_CURSOR_CHARACTERS = 1024
_PURPOSE = "pagination"
_TAG_BYTES = 32
_KEY_ID_BYTES = 4

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is asked for. `after` is a cursor, not yet opened."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items in order; `next` is the cursor of what follows, None at the end."""

    items: Sequence[Item]
    next: str | None


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most")] = DEFAULT_LIMIT,
    after: Annotated[
        str | None, Query(max_length=MAX_CURSOR_CHARACTERS, description="`next` of the page before")
    ] = None,
) -> PageRequest:
    return PageRequest(limit=limit, after=after)


Paging = Annotated[PageRequest, Depends(_page_request)]
"""What a list's route takes."""


class Cursors:
    """Makes and opens cursors. `bound_to` names the list, its filter, its order and the caller, in any words."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def seal(self, position: Sequence[str], *, bound_to: Sequence[str]) -> str:
        """A cursor that stands behind the row at `position`: its sort values, the id last."""
        key_id = self._keyring.current_id
        content = json.dumps(list(position), separators=(",", ":")).encode()
        return encode_secret(bytes.fromhex(key_id) + self._tag(key_id, content, bound_to) + content)

    def open(self, cursor: str, *, bound_to: Sequence[str]) -> tuple[str, ...]:
        """The position that a cursor of ours stands at. Raises InvalidCursor."""
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise InvalidCursor from None
        head = _KEY_ID_BYTES + _TAG_BYTES
        key_id, tag, content = sealed[:_KEY_ID_BYTES].hex(), sealed[_KEY_ID_BYTES:head], sealed[head:]
        try:
            expected = self._tag(key_id, content, bound_to)
        except UnknownKey:
            raise InvalidCursor from None
        if not equal(tag, expected):
            raise InvalidCursor
        return tuple(json.loads(content))

    def position(self, page: PageRequest, *, bound_to: Sequence[str]) -> tuple[str, ...] | None:
        """Where the asked page begins; None for the first. Raises InvalidCursor."""
        return None if page.after is None else self.open(page.after, bound_to=bound_to)

    def page(
        self,
        rows: Sequence[Item],
        page: PageRequest,
        *,
        position_of: Callable[[Item], Sequence[str]],
        bound_to: Sequence[str],
    ) -> Page[Item]:
        """The page out of `rows`, which were read with one more than `page.limit` so that the end is known."""
        items = rows[: page.limit]
        more = len(rows) > page.limit
        return Page(items, self.seal(position_of(items[-1]), bound_to=bound_to) if more else None)

    def page_of_all(
        self, rows: Sequence[Item], page: PageRequest, *, name_of: Callable[[Item], str], bound_to: Sequence[str]
    ) -> Page[Item]:
        """The page out of all `rows`, of a list so short that it is read whole; `name_of` tells one from another.

        The first page where the row behind which it stood is gone. Raises InvalidCursor.
        """
        position = self.position(page, bound_to=bound_to)
        names = [name_of(row) for row in rows]
        begin = names.index(position[0]) + 1 if position is not None and position[0] in names else 0
        shown = rows[begin : begin + page.limit + 1]
        return self.page(shown, page, position_of=lambda row: (name_of(row),), bound_to=bound_to)

    def _tag(self, key_id: str, content: bytes, bound_to: Sequence[str]) -> bytes:
        # JSON keeps the parts apart, so that no two lists of words read alike.
        bound = json.dumps(list(bound_to)).encode()
        key = self._keyring.derive(_PURPOSE, key_id=key_id)
        return hmac.digest(key, len(bound).to_bytes(4, "big") + bound + content, "sha256")
