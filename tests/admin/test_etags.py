"""Entity tags on a router of the admin API that has what to change."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import httpx2
import pytest
from fastapi import Response
from sqlalchemy import text

from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.foundation.body import Body
from app.foundation.db import Database
from app.foundation.etags import IfMatch, etag_of, show_etag
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.main import create_app
from app.wiring import Services
from tests.administrators import Administrators
from tests.support import ISSUER, problem

pytestmark = pytest.mark.anyio

router = AdminRouter("tagged")


class Wanted(Body):
    """What the thing is to say."""

    words: str


@router.patch("/{thing}")
async def change(
    thing: UUID,
    body: Wanted,
    db: Annotated[Database, provide(Database)],
    precondition: IfMatch,
    response: Response,
    caller: Annotated[Principal, requires("admin:roles:write")],
) -> None:
    async with db.transaction() as tx:
        row = (await tx.execute(text("SELECT words, at FROM tagged WHERE id = :id FOR UPDATE"), {"id": thing})).one()
        precondition.require(etag_of(thing, row.at))
        statement = text("UPDATE tagged SET words = :words, at = clock_timestamp() WHERE id = :id RETURNING at")
        at = await tx.scalar(statement, {"id": thing, "words": body.words})
    show_etag(response, etag_of(thing, at))


@pytest.fixture
async def tagged(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    async with services.db.transaction() as tx:
        await tx.exec_driver_sql("CREATE TABLE tagged (id uuid PRIMARY KEY, words text, at timestamptz)")
        await tx.exec_driver_sql(f"INSERT INTO tagged VALUES ('{UUID(int=1)}', '', clock_timestamp())")
    app = create_app(services=services)
    app.include_router(router)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ISSUER) as client:
        yield client


async def patch(tagged: httpx2.AsyncClient, headers: dict[str, str], words: str = "x") -> httpx2.Response:
    return await tagged.patch(f"/admin/tagged/{UUID(int=1)}", json={"words": words}, headers=headers)


async def test_of_two_changes_at_once_with_one_tag_one_wins(tagged: httpx2.AsyncClient, admins: Administrators):
    headers = await admins.holding("admin:roles:write")
    tag = (await patch(tagged, headers)).headers["etag"]
    for turn in range(5):
        sent = [patch(tagged, headers | {"If-Match": tag}, f"{turn} {n}") for n in range(4)]
        answers = await asyncio.gather(*(asyncio.create_task(one) for one in sent))
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
        for answer in answers:
            if answer.status_code == 412:
                problem(answer, 412, "precondition_failed")
            else:
                tag = answer.headers["etag"]


async def test_a_tag_is_strong_and_says_nothing_of_the_thing(tagged: httpx2.AsyncClient, admins: Administrators):
    headers = await admins.holding("admin:roles:write")
    tag = (await patch(tagged, headers)).headers["etag"]
    assert tag.startswith('"')
    assert tag.endswith('"')
    assert len(tag) == 24
    assert etag_of("a", "bc") != etag_of("ab", "c")


@pytest.mark.parametrize("given", ["*", 'W/"old", {tag}', '"old" , {tag}'])
async def test_a_precondition_that_holds_lets_through(tagged: httpx2.AsyncClient, admins: Administrators, given: str):
    headers = await admins.holding("admin:roles:write")
    tag = (await patch(tagged, headers)).headers["etag"]
    assert (await patch(tagged, headers | {"If-Match": given.format(tag=tag)})).status_code == 200


@pytest.mark.parametrize("given", ["W/{tag}", '"old"', '"old", W/"older"'])
async def test_a_precondition_that_does_not_hold_changes_nothing(
    tagged: httpx2.AsyncClient, admins: Administrators, given: str
):
    headers = await admins.holding("admin:roles:write")
    tag = (await patch(tagged, headers)).headers["etag"]
    problem(await patch(tagged, headers | {"If-Match": given.format(tag=tag)}), 412, "precondition_failed")
    assert (await patch(tagged, headers | {"If-Match": tag})).status_code == 200


@pytest.mark.parametrize("given", ["", "x", '"', '"a" "b"', "'a'", '"a",,"b', "*, *"])
async def test_a_malformed_precondition_is_refused(tagged: httpx2.AsyncClient, admins: Administrators, given: str):
    headers = await admins.holding("admin:roles:write")
    problem(await patch(tagged, headers | {"If-Match": given}), 400, "invalid_precondition")
