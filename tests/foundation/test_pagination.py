"""Cursors open the next page of their own list, and nothing else."""

import os

import pytest

from app.foundation.encryption import Keyring
from app.foundation.pagination import Cursors, InvalidCursor, PageRequest, Paging
from app.foundation.routing import Router
from app.main import Application
from tests.edge.support import client, policy, problem

KEYS = [os.urandom(32), os.urandom(32)]
CURSORS = Cursors(Keyring(KEYS[:1]))
BOUND = ("users", "status=active", "created_at,id", "sub-1")


def test_a_cursor_opens_where_it_was_made():
    cursor = CURSORS.seal(("2026-01-01T00:00:00Z", "0192f3c4"), bound_to=BOUND)
    assert CURSORS.open(cursor, bound_to=BOUND) == ("2026-01-01T00:00:00Z", "0192f3c4")


@pytest.mark.parametrize(
    "other",
    [
        ("sessions", *BOUND[1:]),
        ("users", "status=suspended", *BOUND[2:]),
        (*BOUND[:2], "email,id", BOUND[3]),
        (*BOUND[:3], "sub-2"),
        BOUND[:3],
        ("users,status=active", *BOUND[2:]),
        ("".join(BOUND),),
    ],
)
def test_a_cursor_of_another_list_filter_order_or_caller_is_refused(other):
    cursor = CURSORS.seal(("a",), bound_to=BOUND)
    with pytest.raises(InvalidCursor):
        CURSORS.open(cursor, bound_to=other)


def test_a_cursor_changed_anywhere_is_refused():
    cursor = CURSORS.seal(("a", "b"), bound_to=BOUND)
    for index, character in enumerate(cursor):
        changed = cursor[:index] + ("A" if character != "A" else "B") + cursor[index + 1 :]
        try:
            opened = CURSORS.open(changed, bound_to=BOUND)
        except InvalidCursor:
            continue
        # The bits that fill up base64's last character mean nothing.
        assert (index, opened) == (len(cursor) - 1, ("a", "b"))


@pytest.mark.parametrize("cursor", ["", "x", "ä", "A" * 48, "=" * 8, "AAAA AAAA", "\0", "A" * 1001])
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(InvalidCursor):
        CURSORS.open(cursor, bound_to=BOUND)


def test_a_cursor_survives_a_new_key_and_not_the_loss_of_its_own():
    cursor = CURSORS.seal(("a",), bound_to=BOUND)
    assert Cursors(Keyring([KEYS[1], KEYS[0]])).open(cursor, bound_to=BOUND) == ("a",)
    with pytest.raises(InvalidCursor):
        Cursors(Keyring([KEYS[1]])).open(cursor, bound_to=BOUND)


def test_pages_follow_each_other_to_the_end():
    rows, seen, request = [f"{n:02}" for n in range(7)], [], PageRequest(limit=3)
    while True:
        position = CURSORS.position(request, bound_to=BOUND)
        found = [row for row in rows if position is None or row > position[0]][: request.limit + 1]
        page = CURSORS.page(found, request, position_of=lambda row: (row,), bound_to=BOUND)
        seen.append(list(page.items))
        if page.next is None:
            break
        request = PageRequest(limit=3, after=page.next)
    assert seen == [["00", "01", "02"], ["03", "04", "05"], ["06"]]


@pytest.mark.anyio
async def test_a_lists_route_takes_a_limit_and_a_cursor():
    router = Router(tags=["lists"])

    @router.get("/list")
    async def list_things(page: Paging) -> dict[str, object]:
        CURSORS.position(page, bound_to=BOUND)
        return {"limit": page.limit}

    async with client(Application(router, policy=policy())) as api:
        assert (await api.get("/list")).json() == {"limit": 50}
        assert (await api.get("/list?limit=200")).json() == {"limit": 200}
        for limit in ("0", "201", "-1", "x", "1.5", ""):
            problem(await api.get("/list", params={"limit": limit}), 422, "validation_failed")
        problem(await api.get("/list?after=forged"), 400, "invalid_cursor")
        problem(await api.get("/list", params={"after": "A" * 2000}), 422, "validation_failed")
