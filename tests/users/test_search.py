"""Searching users: what is found, in which order, and what is refused."""

from datetime import UTC, datetime

import pytest

from app.users.errors import SearchRefused
from app.users.search import Order, UserQuery
from app.users.user import User, UserStatus
from app.wiring import Services
from tests.transfer.support import ACTING, lines_of, ndjson

pytestmark = pytest.mark.anyio

PEOPLE = [
    {"sub": "s1", "email": "ann@example.com", "name": "Ann Smith", "created_at": "2020-01-01T00:00:00Z"},
    {"sub": "s2", "email": "ANNA@example.com", "name": "Zoë", "created_at": "2021-01-01T00:00:00Z"},
    {
        "sub": "s3",
        "email": "bob@example.com",
        "name": "ANN Jones",
        "created_at": "2022-01-01T00:00:00Z",
        "status": "suspended",
    },
    {"sub": "s4", "email": "straße@example.com", "created_at": "2023-01-01T00:00:00Z"},
    {"sub": "s5", "email": "an_@example.com", "name": "Ann Smithers", "created_at": "2024-01-01T00:00:00Z"},
]


@pytest.fixture(scope="module")
async def services(steady_services: Services) -> Services:
    done = await steady_services.user_imports.run(lines_of(ndjson(*PEOPLE)), by=ACTING)
    assert done.imported == len(PEOPLE)
    return steady_services


async def found(services: Services, page: int = 50, **asked: object) -> list[str]:
    """The subs of everybody whom the query finds, read in pages."""
    query, after, subs = UserQuery(**asked), None, []
    while True:
        async with services.db.transaction() as tx:
            users: tuple[User, ...] = await services.users.search(tx, query, after=after, limit=page)
        subs += [user.sub for user in users]
        if len(users) < page:
            return subs
        after = query.position_of(users[-1])


@pytest.mark.parametrize("page", [1, 2, 50])
@pytest.mark.parametrize(
    ("asked", "subs"),
    [
        ({}, ["s1", "s2", "s3", "s4", "s5"]),
        ({"order": Order.NEWEST}, ["s5", "s4", "s3", "s2", "s1"]),
        ({"order": Order.EMAIL}, ["s5", "s1", "s2", "s3", "s4"]),
        ({"email": "ANN"}, ["s1", "s2"]),
        ({"email": "an_"}, ["s5"]),
        ({"email": "STRASSE"}, ["s4"]),
        ({"email": "%"}, []),
        ({"name": "ann"}, ["s3", "s1", "s5"]),
        ({"name": "ZOE\u0308"}, ["s2"]),
        ({"name": "ann", "status": UserStatus.SUSPENDED}, ["s3"]),
        ({"status": UserStatus.SUSPENDED}, ["s3"]),
        ({"status": UserStatus.SUSPENDED, "order": Order.EMAIL}, ["s3"]),
        ({"status": UserStatus.ACTIVE, "order": Order.NEWEST}, ["s5", "s4", "s2", "s1"]),
        ({"sub": "s4"}, ["s4"]),
        ({"sub": "S4"}, []),
        ({"created_from": datetime(2021, 1, 1, tzinfo=UTC)}, ["s2", "s3", "s4", "s5"]),
        (
            {
                "created_from": datetime(2021, 1, 1, tzinfo=UTC),
                "created_before": datetime(2023, 1, 1, tzinfo=UTC),
                "order": Order.NEWEST,
            },
            ["s3", "s2"],
        ),
    ],
)
async def test_search_finds_in_its_order_whatever_the_size_of_a_page(services: Services, page, asked, subs):
    assert await found(services, page, **asked) == subs


@pytest.mark.parametrize(
    "asked",
    [
        {"email": "a", "name": "a"},
        {"email": "a", "created_from": datetime(2021, 1, 1, tzinfo=UTC)},
        {"email": "a", "order": Order.CREATED},
        {"name": "a", "order": Order.EMAIL},
        {"created_before": datetime(2021, 1, 1, tzinfo=UTC), "order": Order.EMAIL},
    ],
)
def test_search_that_no_index_serves_is_refused(asked):
    with pytest.raises(SearchRefused):
        UserQuery(**asked)


def test_prefix_of_the_last_character_has_no_end():
    from app.users.search import _end_of

    assert _end_of("a") == "b"
    assert _end_of("a\U0010ffff") == "b"
    assert _end_of("\U0010ffff") is None
    assert _end_of("\ud7ff") == "\ue000"
