"""A realm that Keycloak itself has exported moves in. `python -m tools.keycloak.exported FILE` makes the file anew."""

import json
from pathlib import Path

import httpx2
import pytest

from app.wiring import Services
from tests.support import People, claims_of
from tests.transfer.test_keycloak import move, roles_of
from tools.keycloak.exported import POLICIES, password_of

pytestmark = pytest.mark.anyio

EXPORT = Path(__file__).with_name("keycloak-26.4.5.json")


async def test_people_of_a_real_realm_sign_in_with_the_passwords_that_keycloak_hashed(
    services: Services, people: People, api: httpx2.AsyncClient
):
    exported = json.loads(EXPORT.read_text())
    hashed = [json.loads(user["credentials"][0]["credentialData"]) for user in exported["users"] if user["credentials"]]
    assert {one["algorithm"] for one in hashed} == {"argon2", "pbkdf2-sha512", "pbkdf2-sha256"}
    report = await move(services, EXPORT)
    assert (report.made["user"], report.present["user"], report.lost["user"]) == (len(POLICIES), 0, 0)
    for username in POLICIES:
        email = f"{username}@example.com"
        answer = await api.post("/auth/login", json={"email": email, "password": password_of(username)})
        # Cat was to set up a second factor, and is asked to; the password was right.
        assert answer.status_code == (403 if username == "cat" else 200), (username, answer.text)
        assert username != "cat" or answer.json()["code"].startswith("mfa")
        wrong = await api.post("/auth/login", json={"email": email, "password": password_of("nobody")})
        assert wrong.status_code == 401, username
    tokens = await people.log_in("ann@example.com", password_of("ann"), audience="warehouse")
    assert claims_of(tokens["access_token"])["sub"] == next(
        user["id"] for user in exported["users"] if user["username"] == "ann"
    )
    assert set(claims_of(tokens["access_token"])["roles"]) == {"chief", "manager", "clerk", "customer", "picker"}


async def test_a_real_realm_leaves_behind_what_its_report_says(services: Services):
    report = await move(services, EXPORT)
    assert await roles_of(services, "ann@example.com") == {
        ("chief", None),
        ("manager", None),
        ("clerk", None),
        ("customer", None),
        ("picker", "warehouse"),
    }
    async with services.db.transaction() as tx:
        ben = await services.users.find_by_email(tx, "ben@example.com")
        assert ben is not None
        assert [group.name for group in await services.groups.list_of(tx, ben.id)] == ["staff/berlin"]
        storefront = next(client for client in report.clients if client.name == "storefront")
        definition = (await services.clients.get(tx, storefront.client_id)).definition
    assert definition.redirect_uris == ("https://shop.example.com/callback",)
    losses = {(loss.kind, loss.name) for loss in report.losses}
    assert {("composite role", "chief"), ("composite role", "manager"), ("default role", "customer")} <= losses
    wildcards = [loss.why.split(":* ")[0] for loss in report.losses if "wildcards" in loss.why]
    assert len(wildcards) == 2
    again = await move(services, EXPORT)
    assert again.made.total() == 0
