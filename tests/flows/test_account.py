"""A person's own account: seeing, changing and deleting it."""

from datetime import timedelta

import httpx2
import pytest

from app.wiring import Services
from tests.support import Events, People, bearer, problem

pytestmark = pytest.mark.anyio


async def test_a_person_sees_their_account(api: httpx2.AsyncClient, people: People) -> None:
    user = await people.sign_up(name="Ann")
    me = (await api.get("/auth/me", headers=bearer(await people.log_in()))).json()
    assert me == user


async def test_a_person_changes_their_name(api: httpx2.AsyncClient, people: People, events: Events) -> None:
    tokens = await people.signed_in()
    answer = await api.patch("/auth/me", headers=bearer(tokens), json={"name": "Ann B."})
    assert answer.status_code == 200
    assert answer.json()["name"] == "Ann B."
    assert (await api.get("/auth/me", headers=bearer(tokens))).json()["name"] == "Ann B."
    assert len(await events.of("user.updated")) == 1


@pytest.mark.attack("ADM-03")
@pytest.mark.parametrize("field", ["is_admin", "role", "roles", "email_verified", "sub", "id", "status", "attributes"])
async def test_nothing_but_the_name_is_changed_by_its_owner(
    api: httpx2.AsyncClient, people: People, field: str
) -> None:
    tokens = await people.signed_in()
    answer = await api.patch("/auth/me", headers=bearer(tokens), json={"name": "Eve", field: "true"})
    problem(answer, 422, "validation_failed")
    assert (await api.get("/auth/me", headers=bearer(tokens))).json()["name"] is None


async def test_deleting_an_account_needs_a_fresh_sign_in(
    api: httpx2.AsyncClient, people: People, services: Services
) -> None:
    tokens = await people.signed_in()
    services.clock.offset += timedelta(seconds=601)
    answer = await api.delete("/auth/me", headers=bearer(tokens))
    problem(answer, 401, "insufficient_user_authentication")
    assert "max_age=600" in answer.headers["www-authenticate"].replace('"', "")
    assert (await api.get("/auth/me", headers=bearer(tokens))).status_code == 200
