"""`/admin/users/import` and `/export` over HTTP."""

import json
from uuid import uuid4

import httpx2
import pytest

from app.transfer.imports import BATCH_LINES
from tests.administrators import Administrators
from tests.support import People, bearer, problem
from tests.transfer.support import ndjson, pieces

pytestmark = pytest.mark.anyio

LINES = {"Content-Type": "application/x-ndjson"}
HASH = "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHQ$" + "A" * 43


@pytest.fixture
async def admin(admins: Administrators) -> dict[str, str]:
    return await admins.holding("admin:users:read", "admin:users:write")


async def test_stream_longer_than_any_other_body_is_imported(api: httpx2.AsyncClient, admin):
    count = BATCH_LINES * 2 + 7
    lines: list[dict[str, object] | str] = [
        {"email": f"user{n}@example.com", "name": "x" * 150} for n in range(1, count + 1)
    ]
    lines[9] = "broken"
    content = ndjson(*lines)
    assert len(content) > 64 * 1024
    answer = await api.post("/admin/users/import", content=pieces(content, size=4096), headers={**admin, **LINES})
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["lines"], done["imported"], done["failed"]) == (count, count - 1, 1)
    assert done["finished_at"] is not None
    assert (await api.get(f"/admin/users/imports/{done['id']}", headers=admin)).json() == done
    errors = (await api.get(f"/admin/users/imports/{done['id']}/errors", headers=admin)).json()
    assert [(item["line"], item["code"]) for item in errors["items"]] == [(10, "invalid_json")]


async def test_stream_with_a_length_goes_on_by_its_id(api: httpx2.AsyncClient, admin):
    import_id = str(uuid4())
    content = ndjson(*({"email": f"user{n}@example.com", "name": "x" * 150} for n in range(500)))
    for _ in range(2):
        answer = await api.post(
            "/admin/users/import", params={"import_id": import_id}, content=content, headers={**admin, **LINES}
        )
        assert (answer.json()["id"], answer.json()["imported"]) == (import_id, 500)
    other = await api.post(
        "/admin/users/import", params={"import_id": import_id}, content=b"{}\n", headers={**admin, **LINES}
    )
    problem(other, 409, "import_differs")


async def test_refused_lines_are_listed_in_pages(api: httpx2.AsyncClient, admin):
    answer = await api.post("/admin/users/import", content=b"{}\n" * 5, headers={**admin, **LINES})
    address = f"/admin/users/imports/{answer.json()['id']}/errors"
    first = (await api.get(address, params={"limit": 3}, headers=admin)).json()
    rest = (await api.get(address, params={"limit": 3, "after": first["next"]}, headers=admin)).json()
    assert [item["line"] for item in [*first["items"], *rest["items"]]] == [1, 2, 3, 4, 5]
    problem(await api.get(f"/admin/users/imports/{uuid4()}", headers=admin), 404, "import_not_found")


@pytest.mark.attack("ADM-04")
async def test_roles_come_only_from_whoever_may_give_them(api: httpx2.AsyncClient, admin, admins: Administrators):
    content = ndjson(
        {"email": "a@example.com", "roles": [{"role": "admin"}]},
        {"email": "b@example.com", "roles": [{"role": "admin", "audience": "orders-api"}]},
    )
    answer = await api.post("/admin/users/import", content=content, headers={**admin, **LINES})
    assert (answer.json()["imported"], answer.json()["failed"]) == (0, 2)
    assigner = await admins.holding("admin:users:write", "admin:roles:write")
    answer = await api.post("/admin/users/import", content=content, headers={**assigner, **LINES})
    assert (answer.json()["imported"], answer.json()["failed"]) == (1, 1)


async def test_import_is_refused_before_it_is_read(
    api: httpx2.AsyncClient, admin, admins: Administrators, people: People
):
    address = "/admin/users/import"
    problem(await api.post(address, content=b"{}", headers=LINES), 401, "missing_token")
    own = bearer(await people.signed_in())
    problem(await api.post(address, content=b"{}", headers={**own, **LINES}), 403, "insufficient_scope")
    problem(await api.post(address, json={}, headers=admin), 415, "unsupported_media_type")
    keyed = {**admin, **LINES, "Idempotency-Key": "once"}
    assert (await api.post(address, content=b"{}", headers=keyed)).status_code == 400
    await admins.grow_stale()
    stale = await api.post(address, content=b"{}", headers={**admin, **LINES})
    problem(stale, 401, "insufficient_user_authentication")


async def test_export_holds_no_hash_unless_both_the_query_and_the_scope_say_so(
    api: httpx2.AsyncClient, admin, admins: Administrators
):
    content = ndjson({"sub": "one", "email": "a@example.com", "password_hash": HASH})
    await api.post("/admin/users/import", content=content, headers={**admin, **LINES})
    plain = await api.get("/admin/users/export", headers=admin)
    assert plain.headers["content-type"] == "application/x-ndjson"
    assert "a@example.com" in {json.loads(line)["email"] for line in plain.text.splitlines()}
    assert "password_hash" not in plain.text
    refused = await api.get("/admin/users/export", params={"with_hashes": True}, headers=admin)
    problem(refused, 403, "insufficient_scope")
    keeper = await admins.holding("admin:users:read", "admin:password-hashes:read")
    whole = await api.get("/admin/users/export", params={"with_hashes": True}, headers=keeper)
    assert HASH in whole.text
