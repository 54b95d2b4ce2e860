"""Finding users among very many, in pages.

What is searched decides the order, so that every page is a walk along one index from where the cursor stands: its cost
does not grow with the number of users. A search that no index serves is refused instead of being slow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from app.foundation.db import Transaction
from app.users.email import email_key, fold
from app.users.errors import SearchRefused
from app.users.models import COLUMNS, as_user
from app.users.user import User, UserStatus

_SELECTED = ", ".join(column.key for column in COLUMNS)
_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


class Order(StrEnum):
    """In which order a list of users comes."""

    CREATED = "created"
    NEWEST = "-created"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserQuery:
    """Which users are looked for. `email` and `name` are beginnings, whatever their case; None asks for nothing.

    Raises SearchRefused when made of two searches that have an order each.
    """

    email: str | None = None
    name: str | None = None
    sub: str | None = None
    status: UserStatus | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    order: Order | None = None

    def __post_init__(self) -> None:
        by_time = self.created_from is not None or self.created_before is not None
        searches = [("email", self.email is not None), ("name", self.name is not None), ("created", by_time)]
        asked = [word for word, is_asked in searches if is_asked]
        if len(asked) > 1:
            raise SearchRefused(f"Search by {asked[0]} or by {asked[1]}: each has an order of its own.")
        if asked and self.order is not None and self.order.value.lstrip("-") != asked[0]:
            raise SearchRefused(f"A search by {asked[0]} comes in the order of {asked[0]}.")

    @property
    def words(self) -> tuple[str, ...]:
        """What a cursor of this search is bound to."""
        times = (moment.isoformat() if moment else "" for moment in (self.created_from, self.created_before))
        return (self.walks, self.email or "", self.name or "", self.sub or "", self.status or "", *times)

    @property
    def walks(self) -> str:
        """The order that the search comes in: `name`, or one of `Order`."""
        if self.name is not None:
            return "name"
        return Order.EMAIL if self.email is not None else self.order or Order.CREATED

    def position_of(self, user: User) -> tuple[str, ...]:
        """Where a user stands in this order."""
        match self.walks:
            case "name":
                key = fold(user.name or "")
            case Order.EMAIL:
                key = email_key(user.email)
            case _:
                key = user.created_at.isoformat()
        return (key, str(user.id))


async def search(tx: Transaction, query: UserQuery, *, after: Sequence[str] | None, limit: int) -> tuple[User, ...]:
    """Users that the query finds, behind the position `after`."""
    match query.walks:
        case "name":
            condition, order = _by_text("name_key", query.name, after), "name_key USING ~<~, id"
            condition["name_key IS NOT NULL"] = {}
        case Order.EMAIL:
            condition, order = _by_text("email_key", query.email, after), "email_key USING ~<~, id"
        case Order.NEWEST:
            condition, order = _by_time(query, after, "<"), "created_at DESC, id DESC"
        case _:
            condition, order = _by_time(query, after, ">"), "created_at, id"
    if query.status is not None:
        # Written out, not handed over: only so the planner knows that the index without active users serves.
        condition[f"status = '{query.status.value}'"] = {}
    if query.sub is not None:
        condition["sub = CAST(:sub AS text)"] = {"sub": query.sub}
    where = f"WHERE {' AND '.join(condition)}" if condition else ""
    values = {name: value for parameters in condition.values() for name, value in parameters.items()}
    statement = f"SELECT {_SELECTED} FROM users {where} ORDER BY {order} LIMIT :limit"  # noqa: S608 — from constants
    rows = await tx.execute(text(statement), {**values, "limit": limit})
    return tuple(as_user(dict(row)) for row in rows.mappings())


_Conditions = dict[str, dict[str, object]]


def _by_text(column: str, prefix: str | None, after: Sequence[str] | None) -> _Conditions:
    """The range of a folded prefix, behind a position. The operators are those of the index: they compare bytes."""
    conditions: _Conditions = {}
    if after is not None:
        key, row_id = after
        # The first half begins the walk, the second leaves out those who share the key and came before.
        conditions[f"{column} ~>=~ CAST(:key AS text)"] = {"key": key}
        conditions[f"({column} ~>~ CAST(:key AS text) OR id > CAST(:after AS uuid))"] = {"after": UUID(row_id)}
    if prefix:
        folded = fold(prefix)
        conditions[f"{column} ~>=~ CAST(:low AS text)"] = {"low": folded}
        end = _end_of(folded)
        if end is not None:
            conditions[f"{column} ~<~ CAST(:high AS text)"] = {"high": end}
    return conditions


def _by_time(query: UserQuery, after: Sequence[str] | None, sign: str) -> _Conditions:
    conditions: _Conditions = {}
    if after is not None:
        moment, row_id = after
        position = f"(created_at, id) {sign} (CAST(:at AS timestamptz), CAST(:after AS uuid))"
        conditions[position] = {"at": datetime.fromisoformat(moment), "after": UUID(row_id)}
    if query.created_from is not None:
        conditions["created_at >= CAST(:from AS timestamptz)"] = {"from": query.created_from}
    if query.created_before is not None:
        conditions["created_at < CAST(:before AS timestamptz)"] = {"before": query.created_before}
    return conditions


def _end_of(prefix: str) -> str | None:
    """The first text behind all that begin with the prefix, by code points; None where there is none."""
    for position in range(len(prefix) - 1, -1, -1):
        following = ord(prefix[position]) + 1
        if following in _SURROGATES:
            following = _SURROGATES.stop
        if following <= _LAST_CHARACTER:
            return prefix[:position] + chr(following)
    return None
