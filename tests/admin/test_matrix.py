"""Every route of the admin API and every kind of caller, as the OpenAPI document has them."""

from collections import Counter

import httpx2
import pytest

from app.audiences.own import ADMIN_SCOPES
from tests.admin.surface import Operation, admin_operations
from tests.administrators import Administrators
from tests.support import PASSWORD, People, bearer

pytestmark = pytest.mark.anyio

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
Headers = dict[str, str]


class Matrix:
    """Calls routes and notes whatever came out otherwise than it should."""

    def __init__(self, api: httpx2.AsyncClient) -> None:
        self.api = api
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []

    async def call(self, operation: Operation, headers: Headers) -> httpx2.Response:
        content = {"content": b"{}", "headers": headers | {"Content-Type": "application/json"}}
        plain = {"headers": headers}
        return await self.api.request(operation.method, operation.url, **(content if operation.body else plain))

    async def refused(self, kind: str, operation: Operation, headers: Headers, status: int, code: str) -> None:
        answer = await self.call(operation, headers)
        self.counts[f"{kind}: {status}"] += 1
        body = answer.json() if answer.content else {}
        if (answer.status_code, body.get("code")) != (status, code):
            self.faults.append(
                f"{operation.name}, {kind}: {answer.status_code} {body.get('code')}, not {status} {code}"
            )
        challenge = answer.headers.get("www-authenticate", "")
        if status == 401 and not challenge.startswith("Bearer"):
            self.faults.append(f"{operation.name}, {kind}: the challenge is {challenge!r}")
        if code == "insufficient_scope" and f'scope="{operation.scope}"' not in challenge:
            self.faults.append(f"{operation.name}, {kind}: the challenge names no scope")
        if {"etag", "location"} & set(answer.headers):
            self.faults.append(f"{operation.name}, {kind}: the refusal tells of what is there")

    async def allowed(self, operation: Operation, headers: Headers) -> None:
        answer = await self.call(operation, headers)
        self.counts[f"right scope: {answer.status_code // 100}xx"] += 1
        code = answer.json().get("code") if answer.headers.get("content-type") == "application/problem+json" else None
        if answer.status_code >= 500 or code in {"insufficient_scope", "invalid_token", "missing_token"}:
            self.faults.append(f"{operation.name}, right scope: {answer.status_code} {code}")


class Callers:
    """One administrator who holds every admin scope, and tokens of theirs that hold fewer."""

    def __init__(self, people: People, email: str) -> None:
        self._people = people
        self._email = email
        self._known: dict[tuple[str, ...], Headers] = {}

    async def holding(self, *scopes: str) -> Headers:
        if scopes not in self._known:
            tokens = await self._people.log_in(self._email, scope=" ".join(scopes))
            assert set(tokens["scope"].split()) == set(scopes)
            self._known[scopes] = bearer(tokens)
        return self._known[scopes]

    async def all_but(self, scope: str) -> Headers:
        return await self.holding(*(other for other in ADMIN_SCOPES if other != scope))


@pytest.mark.attack("ADM-01")
@pytest.mark.attack("ADM-08")
async def test_every_route_is_open_to_exactly_those_who_hold_its_scope(
    api: httpx2.AsyncClient, people: People, admins: Administrators
):
    operations = await admin_operations(api)
    assert operations
    await admins.all_powerful()
    callers = Callers(people, "admin1@example.com")
    signed_up = await people.sign_up()
    tokens = await people.log_in()
    user = bearer(tokens)
    key = await api.post("/auth/api-keys", json={"name": "matrix", "scopes": []}, headers=user)
    assert key.status_code == 201, key.text
    raw_key = key.json()["api_key"]
    elsewhere = bearer(await people.log_in("admin1@example.com", audience="orders-api"))
    reader = await callers.holding(*(scope for scope in ADMIN_SCOPES if scope.endswith(":read")))
    acting = await api.post(
        f"/admin/users/{signed_up['sub']}/impersonate",
        json={"audience": "self", "reason": "the matrix"},
        headers=await callers.holding("admin:users:impersonate"),
    )
    assert acting.status_code == 200, acting.text
    matrix = Matrix(api)
    for operation in operations:
        await matrix.refused("API key", operation, {"X-API-Key": raw_key}, 403, "insufficient_scope")
        as_bearer = {"Authorization": f"Bearer {raw_key}"}
        await matrix.refused("API key as a token", operation, as_bearer, 401, "invalid_token")
        await matrix.refused("impersonation", operation, bearer(acting.json()), 403, "not_while_acting")
        await matrix.refused("no token", operation, {}, 401, "missing_token")
        await matrix.refused("forged token", operation, {"Authorization": "Bearer x.y.z"}, 401, "invalid_token")
        await matrix.refused("user token", operation, user, 403, "insufficient_scope")
        await matrix.refused("token for another audience", operation, elsewhere, 401, "invalid_token")
        every_other = await callers.all_but(operation.scope)
        await matrix.refused("every other admin scope", operation, every_other, 403, "insufficient_scope")
        if not operation.scope.endswith(":read"):
            await matrix.refused("reader", operation, reader, 403, "insufficient_scope")
        if operation.method in UNSAFE:
            assert operation.scope.endswith((":write", ":impersonate")), (
                f"{operation.name} changes by {operation.scope}"
            )
    for operation in operations:
        await matrix.allowed(operation, await callers.holding(operation.scope))
    await admins.grow_stale()
    for operation in operations:
        if operation.fresh:
            stale = await callers.holding(operation.scope)
            await matrix.refused("stale sign-in", operation, stale, 401, "insufficient_user_authentication")
    print(f"\nADM-01: {len(operations)} routes, {matrix.counts.total()} requests: {dict(matrix.counts)}")  # noqa: T201 — the counts are asked for
    assert matrix.faults == []


@pytest.mark.attack("ADM-01")
async def test_a_browser_opens_by_cookie_what_its_user_may_and_no_other_site_can(
    api: httpx2.AsyncClient, admins: Administrators
):
    await admins.all_powerful()
    matrix = Matrix(api)
    answer = await api.post(
        "/auth/login", params={"transport": "cookie"}, json={"email": "admin1@example.com", "password": PASSWORD}
    )
    assert answer.status_code == 200, answer.text
    foreign, operations = {"Origin": "https://evil.example"}, await admin_operations(api)
    for operation in operations:
        if operation.method in UNSAFE:
            await matrix.refused("cookie without proof", operation, {}, 403, "csrf_failed")
            await matrix.refused("cookie from another site", operation, foreign, 403, "csrf_failed")
        else:
            await matrix.allowed(operation, {})
    print(f"\nADM-01, cookies: {len(operations)} routes, {matrix.counts.total()} requests: {dict(matrix.counts)}")  # noqa: T201 — the counts are asked for
    assert matrix.faults == []
