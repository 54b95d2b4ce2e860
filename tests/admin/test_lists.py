"""Every list of the admin API, as the OpenAPI document has them."""

import httpx2
import pytest

from tests.admin.surface import Operation, admin_operations
from tests.administrators import Administrators
from tests.support import problem

pytestmark = pytest.mark.anyio

MADE_UP = ("", "x", "AAAA", "ä", "a" * 1000, '{"a": 1}', "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")


async def lists(api: httpx2.AsyncClient) -> list[Operation]:
    return [operation for operation in await admin_operations(api) if operation.is_list and "{" not in operation.path]


@pytest.mark.attack("ADM-08")
async def test_a_list_tells_its_items_and_what_comes_next_and_no_total(api: httpx2.AsyncClient):
    for operation in await lists(api):
        assert operation.answer is not None, operation.name
        assert set(operation.resolved(operation.answer)["properties"]) == {"items", "next"}, operation.name
        assert {"limit", "after"} <= operation.query, operation.name


async def test_a_cursor_opens_its_own_list_for_its_own_caller_and_nothing_else(
    api: httpx2.AsyncClient, admins: Administrators
):
    headers, stranger = await admins.all_powerful(), await admins.all_powerful()
    found = await lists(api)
    cursors = {}
    for operation in found:
        for made_up in MADE_UP:
            answer = await api.get(operation.path, params={"after": made_up}, headers=headers)
            problem(answer, 400, "invalid_cursor")
        answer = await api.get(operation.path, params={"limit": 1}, headers=headers)
        assert answer.status_code == 200, f"{operation.name}: {answer.text}"
        if answer.json()["next"] is not None:
            cursors[operation.path] = answer.json()["next"]
    assert cursors
    tampered = 0
    for path, cursor in cursors.items():
        assert (await api.get(path, params={"after": cursor, "limit": 1}, headers=headers)).status_code == 200
        problem(await api.get(path, params={"after": cursor}, headers=stranger), 400, "invalid_cursor")
        for place in range(0, len(cursor), 7):
            other = "A" if cursor[place] != "A" else "B"
            changed = cursor[:place] + other + cursor[place + 1 :]
            problem(await api.get(path, params={"after": changed}, headers=headers), 400, "invalid_cursor")
            tampered += 1
        for elsewhere in found:
            if elsewhere.path != path:
                problem(await api.get(elsewhere.path, params={"after": cursor}, headers=headers), 400, "invalid_cursor")
    print(f"\n{len(found)} lists, {len(cursors)} with a further page, {tampered} tampered cursors refused")  # noqa: T201 — the counts are asked for


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x"])
async def test_a_limit_outside_its_bounds_is_refused(api: httpx2.AsyncClient, admins: Administrators, limit: str):
    headers = await admins.all_powerful()
    for operation in await lists(api):
        problem(await api.get(operation.path, params={"limit": limit}, headers=headers), 422, "validation_failed")
