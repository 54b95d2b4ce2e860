"""`/admin/stats`: how much there is of what the caller may read."""

from typing import Annotated

from pydantic import BaseModel

from app.admin.counting import Counting
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.foundation.principal import Principal
from app.foundation.provide import provide

router = AdminRouter("stats")


class CountBody(BaseModel):
    """How many there are; where it is not `exact`, at least that many, or about that many."""

    count: int
    exact: bool


class StatsBody(BaseModel):
    """A count for each noun that the caller may read; the others are not there."""

    counts: dict[str, CountBody]


@router.get("", summary="How much there is")
async def show_stats(
    counting: Annotated[Counting, provide(Counting)], caller: Annotated[Principal, requires("admin:stats:read")]
) -> StatsBody:
    """Counts of what the caller's other scopes let them list, and of nothing else.

    Small numbers are exact. Beyond 10 000 nothing is counted: the database's own estimate is given.
    """
    found = await counting.count(caller.scopes)
    return StatsBody(counts={name: CountBody(count=item.count, exact=item.exact) for name, item in found.items()})
