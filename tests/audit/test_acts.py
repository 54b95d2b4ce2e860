"""Each security event is exactly one row: who, what, whom, where, when, with what result, in which request."""

from datetime import timedelta

import pyotp
import pytest

from tests.support import PASSWORD, bearer, claims_of

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"
IP = "127.0.0.1"


class Watched:
    """Sends requests and looks at the rows that each of them wrote."""

    def __init__(self, api, services, connection):
        self.api, self.services, self.connection = api, services, connection

    async def one(self, kind, method, path, *, by, about, outcome="success", status=200, **options):
        """The one row of this type that a request wrote, checked in every respect; and the request's answer."""
        before = self.services.clock.now()
        answer = await self.api.request(method, path, **options)
        assert answer.status_code == status, answer.text
        rows = await self.connection.fetch(
            "SELECT * FROM audit_entries WHERE type = $1 AND trace_id = $2", kind, answer.headers["x-trace-id"]
        )
        (row,) = rows
        margin = timedelta(seconds=1)
        assert before - margin <= row["at"] <= self.services.clock.now() + margin
        assert (row["actor_kind"], row["actor_id"]) == by
        assert (row["subject"], row["outcome"], row["ip"]) == (about, outcome, IP)
        events = await self.connection.fetchval("SELECT count(*) FROM events WHERE id = $1", row["id"])
        assert events == 1
        return answer


@pytest.mark.attack("AUD-01")
async def test_each_act_of_a_person_is_one_row_that_says_all(api, people, services, mailbox, connection):
    watched = Watched(api, services, connection)
    sub = (await people.sign_up(ANN))["sub"]
    me, nobody = ("user", sub), ("anonymous", None)
    body = {"email": ANN, "password": PASSWORD}
    signed_in = await watched.one("session.created", "POST", "/auth/login", by=me, about=sub, json=body)
    tokens = signed_in.json()
    wrong = body | {"password": "wrong"}
    refused = {"outcome": "refused", "status": 401, "json": wrong}
    await watched.one("login.failed", "POST", "/auth/login", by=nobody, about=sub, **refused)
    spent = {"refresh_token": tokens["refresh_token"]}
    await watched.one("token.refreshed", "POST", "/auth/refresh", by=me, about=sub, json=spent)
    headers = bearer(tokens)
    secret = (await api.post("/auth/mfa/totp", headers=headers)).json()["secret"]
    code = {"code": pyotp.TOTP(secret).at(services.clock.now())}
    enrol = "/auth/mfa/totp/confirm"
    await watched.one("mfa.enrolled", "POST", enrol, by=me, about=sub, json=code, headers=headers)
    key = {"name": "robot", "scopes": []}
    made = await watched.one(
        "api_key.created", "POST", "/auth/api-keys", by=me, about=sub, status=201, json=key, headers=headers
    )
    one = f"/auth/api-keys/{made.json()['id']}"
    await watched.one("api_key.revoked", "DELETE", one, by=me, about=sub, status=204, headers=headers)
    await watched.one("session.revoked", "POST", "/auth/logout", by=me, about=sub, status=204, headers=headers)
    await api.post("/auth/password/forgot", json={"email": ANN})
    link = await mailbox.wait_for(to=ANN, template="password_reset")
    new = {"token": link.token, "new_password": "an entirely different phrase"}
    reset = "/auth/password/reset"
    await watched.one("password.changed", "POST", reset, by=me, about=sub, status=204, json=new)


@pytest.mark.attack("AUD-01")
async def test_each_act_of_an_administrator_is_one_row_that_says_all(api, people, services, admins, connection):
    watched = Watched(api, services, connection)
    sub = (await people.sign_up(ANN))["sub"]
    admin = await admins.all_powerful()
    me = ("user", claims_of(admin["Authorization"].removeprefix("Bearer "))["sub"])
    acts = (
        ("signing_key.rotated", "POST", "/admin/signing-keys/rotate", None, 200, {"force": True, "algorithm": "RS256"}),
        ("user.impersonated", "POST", f"/admin/users/{sub}/impersonate", sub, 200, ACTING),
        ("user.suspended", "POST", f"/admin/users/{sub}/suspend", sub, 200, None),
        ("user.reactivated", "POST", f"/admin/users/{sub}/reactivate", sub, 200, None),
        ("user.deleted", "DELETE", f"/admin/users/{sub}", sub, 204, None),
        ("role.created", "POST", "/admin/roles", None, 201, {"name": "support"}),
        ("audience.created", "POST", "/admin/audiences", None, 201, {"name": "reports-api"}),
    )
    for kind, method, path, about, status, body in acts:
        await watched.one(kind, method, path, by=me, about=about, status=status, json=body, headers=admin)


ACTING = {"audience": "orders-api", "reason": "Ticket 4711: nothing is listed"}
