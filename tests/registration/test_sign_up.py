"""Signing up over HTTP."""

import asyncio
import json
import re
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.wiring import Services
from tests.support import PASSWORD, Events, problem

pytestmark = pytest.mark.anyio

ANN = {"email": "Ann.Lee@Example.com", "password": PASSWORD, "name": "Ann Lee"}


async def sign_up(api: httpx2.AsyncClient, **fields: object) -> httpx2.Response:
    return await api.post("/auth/signup", json=ANN | fields)


async def count_users(services: Services) -> int:
    async with services.db.transaction() as tx:
        return int(await tx.scalar(text("SELECT count(*) FROM users")) or 0)


async def test_a_person_signs_up(api: httpx2.AsyncClient, events: Events) -> None:
    answer = await sign_up(api)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    user = answer.json()
    assert set(user) == {"sub", "email", "email_verified", "name", "created_at"}
    assert user["email"] == "Ann.Lee@Example.com"
    assert user["name"] == "Ann Lee"
    assert user["email_verified"] is False
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", user["sub"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", user["created_at"])
    (entry,) = await events.of("user.created")
    assert entry["subject"] == entry["actor_id"] == user["sub"]
    assert entry["actor_kind"] == "user"
    assert entry["trace_id"] == answer.headers["x-trace-id"]


async def test_a_name_may_be_left_out(api: httpx2.AsyncClient) -> None:
    answer = await api.post("/auth/signup", json={"email": "bob@example.com", "password": PASSWORD})
    assert answer.status_code == 201
    assert answer.json()["name"] is None
    assert (await sign_up(api, name=None)).status_code == 201


async def test_a_password_is_kept_as_argon2id_only(api: httpx2.AsyncClient, services: Services) -> None:
    assert (await sign_up(api)).status_code == 201
    async with services.db.transaction() as tx:
        (stored,) = (await tx.scalars(text("SELECT password_hash FROM password_credentials"))).all()
    assert re.fullmatch(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", stored)


@pytest.mark.parametrize("email", ["Ann.Lee@Example.com", "ann.lee@example.com", "ANN.LEE@EXAMPLE.COM"])
async def test_an_address_has_one_account_in_every_spelling(
    api: httpx2.AsyncClient, events: Events, services: Services, email: str
) -> None:
    first = (await sign_up(api)).json()
    refusal = problem(await sign_up(api, email=email, password="another fine password", name="Eve"), 409, "email_taken")
    assert PASSWORD not in json.dumps(refusal)
    assert await count_users(services) == 1
    (entry,) = await events.of("registration.refused")
    assert entry["outcome"] == "refused"
    assert entry["subject"] == first["sub"]
    assert entry["actor_kind"] == "anonymous"
    assert entry["details"] == {"reason": "email_taken"}
    # The account is as it was: the first password still opens it, the second does not.
    login = {"email": email, "password": PASSWORD}
    assert (await api.post("/auth/login", json=login)).status_code == 200
    problem(
        await api.post("/auth/login", json=login | {"password": "another fine password"}), 401, "invalid_credentials"
    )


async def test_of_twenty_at_once_for_one_address_one_wins(
    api: httpx2.AsyncClient, events: Events, services: Services
) -> None:
    answers = await asyncio.gather(*(sign_up(api) for _ in range(20)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == 1
    assert statuses.count(409) == 19
    assert await count_users(services) == 1
    assert len(await events.of("user.created")) == 1
    assert len(await events.of("registration.refused")) == 19


@pytest.mark.attack("PWD-04")
@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("kV9#xQ2", "too_short"),
        ("", "too_short"),
        ("abcdefgh123456", "too_weak"),
        ("p" * 257, "too_long"),
        ("p" * 10_000, "too_long"),
    ],
)
async def test_a_password_that_is_too_short_too_long_or_too_weak_is_refused(
    steady_api: httpx2.AsyncClient, steady_services: Services, password: str, code: str
) -> None:
    refusal = problem(await sign_up(steady_api, password=password), 422, "password_refused")
    (fault,) = refusal["errors"]
    assert fault["pointer"] == "/password"
    assert fault["code"] == code
    assert fault["detail"]
    assert await count_users(steady_services) == 0


@pytest.mark.attack("PWD-04")
@pytest.mark.parametrize(
    "password",
    [
        "kV9#xQ2mZ!7wLp",
        "nochangehere is",
        "pine " * 12 + "tree",
        "pine " * 51 + "x",
        "🦊🌲🪵🧊🛶🏔️🦉🌧️🔥🍄🪨🦌🌌🥾",
        "   tall  spaces   ",
    ],
    ids=["14", "15", "64", "256", "emoji", "spaces"],
)
async def test_a_good_password_of_any_script_and_length_signs_up_and_in(api: httpx2.AsyncClient, password: str) -> None:
    assert (await sign_up(api, password=password)).status_code == 201
    answer = await api.post("/auth/login", json={"email": ANN["email"], "password": password})
    assert answer.status_code == 200


@pytest.mark.attack("PWD-04")
async def test_a_password_typed_in_another_normal_form_signs_in(api: httpx2.AsyncClient) -> None:
    assert (await sign_up(api, password="zo\u00eb on the roof")).status_code == 201
    answer = await api.post("/auth/login", json={"email": ANN["email"], "password": "zoe\u0308 on the roof"})
    assert answer.status_code == 200


@pytest.mark.attack("PWD-05")
@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("Password1", "too_common"),
        ("QWERTYUIOP", "too_common"),
        ("123456789012345", "too_common"),
        ("Ann.Lee@Example.com", "too_personal"),
        ("ann.lee.example", "too_personal"),
        ("Ann Lee Ann Lee Ann Lee", "too_personal"),
        ("auth-service", "too_personal"),
        ("http://localhost", "too_personal"),
    ],
)
async def test_a_leaked_or_personal_password_is_refused_with_a_reason(
    steady_api: httpx2.AsyncClient, steady_services: Services, password: str, code: str
) -> None:
    refusal = problem(await sign_up(steady_api, password=password), 422, "password_refused")
    assert code in {fault["code"] for fault in refusal["errors"]}
    entries = await Events(steady_services).of("registration.refused")
    (entry,) = (entry for entry in entries if entry["trace_id"] == refusal["trace_id"])
    assert entry["details"]["reason"] == "password_refused"  # type: ignore[index]
    assert code in entry["details"]["faults"]  # type: ignore[index]
    assert password not in json.dumps(entry, default=str)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "ann lee@example.com",
        "a" * 10_000 + "@example.com",
        "ann@e\u202e.com",
    ],
    ids=lambda value: ascii(value)[:20],
)
async def test_what_is_no_address_is_refused(steady_api: httpx2.AsyncClient, email: str) -> None:
    refusal = problem(await sign_up(steady_api, email=email), 422, "invalid_email")
    assert [fault["pointer"] for fault in refusal["errors"]] == ["/email"]


@pytest.mark.parametrize(
    "name", ["", "   ", "n" * 201, "n" * 10_000, "a\nb", "a\u202eb"], ids=lambda name: ascii(name)[:20]
)
async def test_what_is_no_name_is_refused(steady_api: httpx2.AsyncClient, name: str) -> None:
    refusal = problem(await sign_up(steady_api, name=name), 422, "invalid_name")
    assert [fault["pointer"] for fault in refusal["errors"]] == ["/name"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"email": 1}, "/email"),
        ({"email": None}, "/email"),
        ({"email": ["ann@example.com"]}, "/email"),
        ({"password": 12345678}, "/password"),
        ({"password": None}, "/password"),
        ({"password": {"$ne": ""}}, "/password"),
        ({"name": 7}, "/name"),
        ({"name": True}, "/name"),
        ({"password": "p" * 20_000}, "/password"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_value_of_another_type_is_refused_and_not_echoed(
    steady_api: httpx2.AsyncClient, fields: dict[str, object], pointer: str
) -> None:
    refusal = problem(await sign_up(steady_api, **fields), 422, "validation_failed")
    assert {fault["pointer"] for fault in refusal["errors"]} == {pointer}
    assert PASSWORD not in json.dumps(refusal)
    assert "12345678" not in json.dumps(refusal)


@pytest.mark.parametrize("missing", ["email", "password"])
async def test_a_missing_value_is_named(steady_api: httpx2.AsyncClient, missing: str) -> None:
    body = {name: value for name, value in ANN.items() if name != missing}
    refusal = problem(await steady_api.post("/auth/signup", json=body), 422, "validation_failed")
    assert [fault["pointer"] for fault in refusal["errors"]] == [f"/{missing}"]


@pytest.mark.attack("ADM-03")
@pytest.mark.parametrize(
    "field",
    ["is_admin", "roles", "role", "email_verified", "sub", "id", "status", "attributes", "tenant_id", "mfa_enabled"],
)
async def test_nothing_else_can_be_assigned(
    steady_api: httpx2.AsyncClient, steady_services: Services, field: str
) -> None:
    refusal = problem(await sign_up(steady_api, **{field: True}), 422, "validation_failed")
    assert [fault["pointer"] for fault in refusal["errors"]] == [f"/{field}"]
    assert await count_users(steady_services) == 0


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"null", "application/json", 422),
        (b"[]", "application/json", 422),
        (b'"ann"', "application/json", 422),
        (b'{"email": "ann@example.com", "email": "eve@example.com", "password": "x"}', "application/json", 400),
        (b'{"email": NaN, "password": "x"}', "application/json", 400),
        (b'{"email": "ann@example.com", "password": "nul \\u0000 nul nul nul nul"}', "application/json", 400),
        (b'{"email": "ann@example.com", "password": "lone \\ud800 surrogate here"}', "application/json", 400),
        (b'{"email": "ann\xff@example.com", "password": "x"}', "application/json", 400),
        (b"[" * 40 + b"]" * 40, "application/json", 400),
        (b'{"password": "' + b"p" * 70_000 + b'"}', "application/json", 413),
        (b"email=ann@example.com&password=x", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    steady_api: httpx2.AsyncClient, steady_services: Services, body: bytes, content_type: str, status: int
) -> None:
    answer = await steady_api.post("/auth/signup", content=body, headers={"Content-Type": content_type})
    problem(answer, status, answer.json()["code"])
    assert await count_users(steady_services) == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_other_methods_are_refused(steady_api: httpx2.AsyncClient, method: str) -> None:
    answer = await steady_api.request(method, "/auth/signup")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.attack("DOS-02")
async def test_beyond_the_queue_a_sign_up_is_told_to_come_back(busy_api: httpx2.AsyncClient) -> None:
    waves = (busy_api.post("/auth/signup", json=ANN | {"email": f"u{n}@example.com"}) for n in range(20))
    answers = await asyncio.gather(*waves)
    statuses = {answer.status_code for answer in answers}
    assert statuses == {201, 503}
    for answer in answers:
        if answer.status_code == 503:
            problem(answer, 503, "hashing_busy")
            assert int(answer.headers["retry-after"]) >= 1


async def test_closed_sign_up_is_refused(closed_api: httpx2.AsyncClient) -> None:
    problem(await sign_up(closed_api), 403, "sign_up_closed")


class TestHiddenExistence:
    """With `ACCOUNTS__HIDE_EXISTENCE` nobody learns who has an account."""

    @pytest.mark.attack("PWD-12")
    async def test_a_new_and_a_taken_address_get_the_same_answer(
        self, hiding_api: httpx2.AsyncClient, services: Services, events: Events
    ) -> None:
        first, second = await sign_up(hiding_api), await sign_up(hiding_api, password="another fine password")
        assert first.status_code == second.status_code == 202
        assert first.content == second.content == b'{"status":"accepted"}'
        assert visible_headers(first) == visible_headers(second)
        assert await count_users(services) == 1
        assert len(await events.of("user.created")) == 1
        (entry,) = await events.of("registration.refused")
        assert entry["details"] == {"reason": "email_taken"}

    @pytest.mark.attack("PWD-12")
    async def test_a_taken_address_keeps_its_password(
        self, api: httpx2.AsyncClient, hiding_api: httpx2.AsyncClient
    ) -> None:
        assert (await sign_up(hiding_api)).status_code == 202
        assert (await sign_up(hiding_api, password="another fine password")).status_code == 202
        login = {"email": ANN["email"], "password": PASSWORD}
        assert (await api.post("/auth/login", json=login)).status_code == 200

    @pytest.mark.attack("PWD-12")
    async def test_password_rules_are_told_before_anything_of_the_address(self, hiding_api: httpx2.AsyncClient) -> None:
        fresh = problem(await sign_up(hiding_api, password="password"), 422, "password_refused")
        assert (await sign_up(hiding_api)).status_code == 202
        taken = problem(await sign_up(hiding_api, password="password"), 422, "password_refused")
        assert {**fresh, "trace_id": ""} == {**taken, "trace_id": ""}

    @pytest.mark.attack("PWD-12")
    async def test_an_address_that_is_not_verified_cannot_log_in_and_nobody_sees_why(
        self, hiding_api: httpx2.AsyncClient
    ) -> None:
        assert (await sign_up(hiding_api)).status_code == 202
        right = await hiding_api.post("/auth/login", json={"email": ANN["email"], "password": PASSWORD})
        unknown = await hiding_api.post("/auth/login", json={"email": "nobody@example.com", "password": PASSWORD})
        bodies = [problem(answer, 401, "invalid_credentials") | {"trace_id": ""} for answer in (right, unknown)]
        assert bodies[0] == bodies[1]


def visible_headers(answer: httpx2.Response) -> dict[str, Any]:
    # What is left of a limit tells of the address that asks, not of the one that is asked about.
    passing = {"x-trace-id", "date", "ratelimit"}
    return {name: value for name, value in answer.headers.items() if name not in passing}
