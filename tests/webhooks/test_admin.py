"""`/admin/webhooks`, and what it refuses."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import pytest
from standardwebhooks import Webhook

from app.wiring import Services
from tests.administrators import Administrators
from tests.support import Events, problem
from tests.webhooks.receiver import Receiver, answer, hang, until

pytestmark = pytest.mark.anyio

URL = "/admin/webhooks"
READ, WRITE = "admin:webhooks:read", "admin:webhooks:write"


@pytest.fixture
def admins(api: httpx2.AsyncClient, services: Services) -> Administrators:
    return Administrators(api, services)


@pytest.fixture
async def admin(admins: Administrators) -> dict[str, str]:
    return await admins.holding(READ, WRITE)


@pytest.fixture
def create(api: httpx2.AsyncClient, admin, receiver: Receiver):
    async def made(path: str = "/in", **fields: object) -> dict:
        body = {"url": receiver.url(path), "event_types": ["*"], **fields}
        answered = await api.post(URL, json=body, headers=admin)
        assert answered.status_code == 201, answered.text
        return answered.json()

    return made


@pytest.mark.attack("ADM-05")
async def test_secret_is_shown_once_and_by_nothing_else(api, admin, create, worker, receiver, people, events: Events):
    made = await create(event_types=["user.created"], description="for billing")
    assert made["secret"].startswith("whsec_")
    assert (made["state"], made["event_types"], made["description"]) == ("active", ["user.created"], "for billing")
    await people.sign_up("bob@example.com")
    await until(lambda: receiver.taken)
    shown = await api.get(f"{URL}/{made['id']}", headers=admin)
    listed = await api.get(URL, headers=admin)
    assert shown.json().items() <= made.items()
    assert listed.json() == {"items": [shown.json()], "next": None}
    log = await api.get(f"{URL}/{made['id']}/deliveries", headers=admin)
    entries = await events.of("webhook.created", "webhook.updated")
    for said in (shown.text, listed.text, log.text, str(entries)):
        assert made["secret"] not in said
    assert [entry["details"]["host"] for entry in entries] == ["127.0.0.1"]
    Webhook(made["secret"]).verify(receiver.taken[0].content, receiver.taken[0].headers)


async def test_webhook_is_changed_by_its_tag_and_deleted(api, admin, create, events: Events):
    made = await create()
    url = f"{URL}/{made['id']}"
    tag = (await api.get(url, headers=admin)).headers["etag"]
    conditional = admin | {"If-Match": tag}
    changed = await api.patch(url, json={"description": "new", "disabled": True}, headers=conditional)
    assert (changed.json()["description"], changed.json()["state"]) == ("new", "disabled")
    problem(await api.patch(url, json={"disabled": False}, headers=conditional), 412, "precondition_failed")
    assert (await api.patch(url, json={"description": ""}, headers=admin)).json()["description"] is None
    problem(await api.delete(url, headers=conditional), 412, "precondition_failed")
    assert (await api.delete(url, headers=admin)).status_code == 204
    problem(await api.get(url, headers=admin), 404, "webhook_not_found")
    entries = await events.of("webhook.updated", "webhook.deleted")
    assert [entry["details"].get("changed") for entry in entries] == [
        ["description", "disabled"],
        ["description"],
        None,
    ]


async def test_of_two_changes_with_one_tag_one_is_made(api, admin, create):
    made = await create()
    url = f"{URL}/{made['id']}"
    tag = (await api.get(url, headers=admin)).headers["etag"]
    answers = await asyncio.gather(
        *(api.patch(url, json={"description": str(n)}, headers=admin | {"If-Match": tag}) for n in range(5))
    )
    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412, 412]


@pytest.mark.attack("HOK-01")
@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://localhost./",
        "https://user:word@hooks.example.com/",
        "http://93.184.216.34/",
        "ftp://hooks.example.com/",
        "",
    ],
)
async def test_target_in_disguise_is_refused_by_its_pointer(api, admin, url):
    # Loopback by IPv4 alone is open to these tests.
    refused = await api.post(URL, json={"url": url, "event_types": ["*"]}, headers=admin)
    body = problem(refused, 422, "invalid_webhook")
    assert [error["pointer"] for error in body["errors"]] == ["/url"]


async def test_bad_input_is_refused_by_its_pointer(api, admin, create):
    body = {"url": "https://hooks.example.com/", "event_types": ["user.exploded"], "description": "two\nlines"}
    refused = problem(await api.post(URL, json=body, headers=admin), 422, "invalid_webhook")
    assert [error["pointer"] for error in refused["errors"]] == ["/event_types", "/description"]
    made = await create()
    problem(await api.patch(f"{URL}/{made['id']}", json={"event_types": []}, headers=admin), 422, "invalid_webhook")
    problem(await api.get(f"{URL}/not-an-id", headers=admin), 422, "validation_failed")
    problem(await api.get(f"{URL}/{uuid4()}", headers=admin), 404, "webhook_not_found")


async def test_every_route_asks_for_its_scope(api, admins: Administrators, create):
    made = await create()
    one = f"{URL}/{made['id']}"
    reader, writer = await admins.holding(READ), await admins.holding(WRITE)
    for path in (URL, one, f"{one}/deliveries", f"{one}/deliveries/{uuid4()}"):
        problem(await api.get(path, headers=writer), 403, "insufficient_scope")
    for path in (URL, f"{one}/test", f"{one}/replay", f"{one}/resume", f"{one}/rotate-secret"):
        problem(await api.post(path, json={}, headers=reader), 403, "insufficient_scope")
    problem(await api.patch(one, json={}, headers=reader), 403, "insufficient_scope")
    problem(await api.delete(one, headers=reader), 403, "insufficient_scope")


async def test_repeated_creation_with_one_key_makes_one(api, admin, receiver):
    body = {"url": receiver.url(), "event_types": ["*"]}
    keyed = admin | {"Idempotency-Key": "k-1"}
    first, again = [await api.post(URL, json=body, headers=keyed) for _ in range(2)]
    assert first.json() == again.json()
    assert len((await api.get(URL, headers=admin)).json()["items"]) == 1


async def test_test_event_is_sent_at_once_and_answered_with_what_came_of_it(api, admin, create, receiver):
    made = await create()
    url = f"{URL}/{made['id']}/test"
    taken = (await api.post(url, headers=admin)).json()
    assert (taken["state"], taken["event_type"], taken["log"][0]["status"]) == ("delivered", "webhook.test", 204)
    Webhook(made["secret"]).verify(receiver.taken[0].content, receiver.taken[0].headers)
    receiver.answers["/in"] = answer("500 Internal Server Error", b"oops")
    failed = (await api.post(url, headers=admin)).json()
    assert (failed["state"], failed["log"][0]["failure"], failed["log"][0]["answer"]) == ("dead", "status", "oops")
    receiver.answers["/in"] = hang
    late = (await api.post(url, headers=admin)).json()
    assert (late["state"], late["log"][0]["failure"]) == ("dead", "timeout")
    # It says nothing of the endpoint's health.
    assert (await api.get(f"{URL}/{made['id']}", headers=admin)).json()["failures"] == 0


async def test_deliveries_are_listed_page_by_page_shown_and_replayed(api, admin, create, receiver, worker, hooks):
    made = await create(event_types=["user.updated"])
    url = f"{URL}/{made['id']}"
    await hooks.happen("ann", "bob", "cem")
    await until(lambda: len(receiver.taken) == 3)
    first = (await api.get(f"{url}/deliveries?limit=2", headers=admin)).json()
    second = (await api.get(f"{url}/deliveries?limit=2&after={first['next']}", headers=admin)).json()
    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)
    crossed = await api.get(f"{url}/deliveries?state=dead&after={first['next']}", headers=admin)
    problem(crossed, 400, "invalid_cursor")
    one = f"{url}/deliveries/{second['items'][0]['id']}"
    await until_delivered(api, one, admin)
    shown = (await api.get(one, headers=admin)).json()
    assert shown["body"]["data"]["sub"] == "ann"
    assert [attempt["status"] for attempt in shown["log"]] == [204]
    replayed = await api.post(f"{one}/replay", headers=admin)
    assert (replayed.status_code, replayed.json()["state"]) == (202, "pending")
    await until(lambda: len(receiver.taken) == 4)
    assert receiver.taken[3].id == shown["event_id"]
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    all_failed = await api.post(f"{url}/replay", json={"since": since}, headers=admin)
    assert (all_failed.status_code, all_failed.json()) == (202, {"deliveries": 0})
    problem(await api.get(f"{url}/deliveries/{uuid4()}", headers=admin), 404, "webhook_delivery_not_found")
    other = await create("/other")
    foreign = f"{URL}/{other['id']}/deliveries/{shown['id']}"
    problem(await api.get(foreign, headers=admin), 404, "webhook_delivery_not_found")


async def test_rotation_shows_the_new_secret_once(api, admin, create, receiver):
    made = await create()
    url = f"{URL}/{made['id']}"
    rotated = (await api.post(f"{url}/rotate-secret", json={"overlap_seconds": 0}, headers=admin)).json()
    assert rotated["secret"] != made["secret"]
    await api.post(f"{url}/test", headers=admin)
    Webhook(rotated["secret"]).verify(receiver.taken[0].content, receiver.taken[0].headers)
    assert len(receiver.taken[0].headers["webhook-signature"].split()) == 1


async def until_delivered(api, url, admin) -> None:
    async with asyncio.timeout(60):
        while (await api.get(url, headers=admin)).json()["state"] != "delivered":
            await asyncio.sleep(0.02)
