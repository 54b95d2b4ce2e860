"""Documents of others: fetched once for many, renewed ahead, kept while their source is down, and no longer."""

import asyncio
from dataclasses import dataclass, field

import pytest

from app.foundation.http.documents import Keeping, Lifetime, RemoteDocuments, max_age

pytestmark = pytest.mark.anyio

RULES = Keeping(
    lifetime=Lifetime(default=100.0, least=50.0, most=200.0),
    faults=(LookupError,),
    hard_limit_seconds=1000.0,
    least_pause_seconds=2.0,
    most_pause_seconds=5.0,
    extra_fetches=2,
    extra_window_seconds=60.0,
    most=3,
)


@dataclass
class Source:
    """Says what it is told to, one version after the other, and counts how often each key was asked for."""

    documents: RemoteDocuments[str, str] = field(init=False)
    now: float = 10_000.0
    asked: list[str] = field(default_factory=list)
    stated: float | None = None
    is_down: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()
        self.documents = RemoteDocuments(self._fetch, RULES, monotonic=lambda: self.now)

    async def _fetch(self, key: str) -> tuple[str, float | None]:
        self.asked.append(key)
        number = len(self.asked)
        await self.gate.wait()
        if self.is_down:
            raise LookupError("away")
        return f"{key} {number}", self.stated


@pytest.fixture
def source() -> Source:
    return Source()


async def test_whoever_asks_at_once_shares_one_fetch_and_a_reader_who_leaves_takes_nothing_along(source: Source):
    source.gate.clear()
    readers = [asyncio.create_task(source.documents.get("a")) for _ in range(5)]
    again = asyncio.create_task(source.documents.again("a"))
    while not source.asked:
        await asyncio.sleep(0)
    readers[0].cancel()
    await asyncio.gather(readers[0], return_exceptions=True)
    source.gate.set()
    assert await asyncio.gather(*readers[1:], again) == ["a 1"] * 5
    assert source.asked == ["a"]
    assert await source.documents.get("b") == "b 2"


async def test_a_document_is_renewed_ahead_of_its_end_and_nobody_waits_for_that(source: Source):
    source.stated = 120.0
    await source.documents.get("a")
    source.now += 89
    assert await source.documents.get("a") == "a 1"
    assert source.asked == ["a"]
    source.now += 2
    source.gate.clear()
    assert await source.documents.get("a") == "a 1"
    source.gate.set()
    while await source.documents.get("a") == "a 1":
        await asyncio.sleep(0)
    assert len(source.asked) == 2


async def test_what_a_document_says_of_its_life_counts_within_bounds(source: Source):
    for stated, lives in ((None, 100.0), (1.0, 50.0), (120.0, 120.0), (9999.0, 200.0)):
        source.stated = stated
        await source.documents.asked("a")
        before = len(source.asked)
        source.now += lives * 0.74
        await source.documents.get("a")
        assert len(source.asked) == before, stated
        source.now += lives * 0.27
        assert await source.documents.get("a") == f"a {before + 1}", stated


async def test_the_last_good_one_serves_while_its_source_is_down_up_to_a_hard_limit(source: Source):
    await source.documents.get("a")
    source.is_down = True
    source.now += 100
    assert await source.documents.get("a") == "a 1"
    # Whoever comes right after waits for nobody; then it is tried again, ever more seldom.
    tries = len(source.asked)
    for seconds, more in ((1.9, 0), (0.2, 1), (3.9, 1), (0.2, 2), (4.9, 2), (0.2, 3), (5.1, 4)):
        source.now += seconds
        assert await source.documents.get("a") == "a 1"
        assert len(source.asked) == tries + more, seconds
    with pytest.raises(LookupError):
        await source.documents.asked("a")
    source.now += 1000
    for _ in range(2):
        with pytest.raises(LookupError, match="away"):
            await source.documents.get("a")
    source.is_down = False
    source.now += 5
    assert (await source.documents.get("a")).startswith("a ")


async def test_what_was_never_had_is_refused_at_once_until_the_next_try(source: Source):
    source.is_down = True
    for _ in range(3):
        with pytest.raises(LookupError):
            await source.documents.get("a")
        with pytest.raises(LookupError):
            await source.documents.again("a")
    assert source.asked == ["a"]
    source.is_down = False
    source.now += 2
    assert await source.documents.get("a") == "a 2"


async def test_who_misses_something_has_it_read_again_a_few_times_and_no_more(source: Source):
    await source.documents.get("a")
    assert [await source.documents.again("a") for _ in range(4)] == ["a 2"] * 4
    source.now += 61
    assert [await source.documents.again("a") for _ in range(4)] == ["a 3", "a 4", "a 4", "a 4"]


async def test_no_more_are_kept_than_there_may_be(source: Source):
    for key in ("a", "b", "c", "d"):
        await source.documents.get(key)
    await source.documents.get("d")
    assert source.asked == ["a", "b", "c", "d"]
    await source.documents.get("a")
    assert source.asked[-1] == "a"


def test_the_age_that_an_answer_states_is_read_wherever_it_stands():
    for said, seconds in (
        ("max-age=60", 60.0),
        ('public, Max-Age="300"', 300.0),
        ("s-maxage=9, max-age=5", 5.0),
        ("no-store", None),
        ("x-max-age=7", None),
    ):
        assert max_age({"cache-control": said}) == seconds, said
    assert max_age({}) is None
