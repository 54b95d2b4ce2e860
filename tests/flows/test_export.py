"""Taking everything that is held on oneself."""

import asyncio
from datetime import timedelta

from app.account.events import AccountExported
from app.audit.event import Actor, ActorKind
from app.foundation.origin import Origin
from app.limits.service import DEVELOPMENT_WIDTH
from tests.support import PASSWORD, bearer, problem, suspend

ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)
BY = {"actor": Actor(ActorKind.OPERATOR, "the name of an operator"), "origin": ORIGIN}
MEMBERS = {
    *("made_at", "profile", "identifiers", "factors", "roles", "groups", "consents", "sessions", "sign_ins", "log"),
    "linked_identities",
    "trusted_browsers",
    "cut_off",
}


async def test_an_export_holds_everything_and_no_secret(api, people, services, events):
    user = await people.sign_up(name="Ann")
    ended = await people.log_in()
    await api.post("/auth/logout", headers=bearer(ended))
    await api.post("/auth/login", json={"email": "ann@example.com", "password": "not the password"})
    tokens = await people.log_in()
    answer = await api.get("/auth/me/export", headers=bearer(tokens))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="account.json"'
    held = answer.json()
    assert held.keys() == MEMBERS
    assert (held["profile"]["sub"], held["profile"]["name"]) == (user["sub"], "Ann")
    assert held["identifiers"] == [{"type": "email", "value": "ann@example.com", "verified_at": None}]
    assert held["factors"] == [{"factor": "password"}]
    assert [session["end_reason"] for session in held["sessions"]] == [None, "logout"]
    assert [sign_in["result"] for sign_in in held["sign_ins"]] == ["signed_in", "refused", "signed_in"]
    types = [entry["type"] for entry in held["log"]]
    assert {"user.created", "session.created", "session.revoked", "login.failed"} <= set(types)
    # The export itself is the newest of what is known.
    assert types[0] == "account.exported"
    assert held["cut_off"] == []
    assert len(await events.of("account.exported")) == 1
    row = await services.db.fetchrow("SELECT password_hash FROM password_credentials")
    for secret in (PASSWORD, row["password_hash"], tokens["access_token"], tokens["refresh_token"], "argon2"):
        assert secret not in answer.text


async def test_an_export_longer_than_a_page_is_whole(api, people, services):
    tokens = await people.signed_in()
    sub = (await api.get("/auth/me", headers=bearer(tokens))).json()["sub"]
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
        for n in range(600):
            await services.users.set_attribute(tx, user.id, name="n", value=n, **BY)
    held = (await api.get("/auth/me/export", headers=bearer(tokens))).json()
    assert sum(entry["type"] == "user.updated" for entry in held["log"]) == 600
    ats = [entry["at"] for entry in held["log"]]
    assert ats == sorted(ats, reverse=True)


async def test_an_operators_name_is_not_in_an_export(api, people, services):
    tokens = await people.signed_in()
    sub = (await api.get("/auth/me", headers=bearer(tokens))).json()["sub"]
    await suspend(services, sub)
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
    await services.lifecycle.reactivate(user.id, **BY)
    tokens = await people.log_in()
    held = (await api.get("/auth/me/export", headers=bearer(tokens))).json()
    (entry,) = [entry for entry in held["log"] if entry["type"] == "user.reactivated"]
    assert entry["actor"] == "operator"
    assert "the name of an operator" not in str(held)


async def test_an_export_needs_a_fresh_sign_in(api, people, services, events):
    tokens = await people.signed_in()
    services.clock.offset += timedelta(seconds=601)
    fresh = await api.get("/auth/me/export", headers=bearer(tokens))
    problem(fresh, 401, "insufficient_user_authentication")
    assert await events.of("account.exported") == []


async def test_exports_are_limited_by_the_hour_also_at_once(settings, people, api, services, events):
    tokens = await people.signed_in()
    # In development every limit is a hundred times wider.
    limit = settings.account.exports_per_hour * DEVELOPMENT_WIDTH
    user_id = (await services.db.fetchrow("SELECT id FROM users"))["id"]
    async with services.db.transaction() as tx:
        user = await services.users.get(tx, user_id)
        for _ in range(limit - 2):
            await services.audit.record(tx, AccountExported(subject=user.sub, **BY))
    answers = await asyncio.gather(*(api.get("/auth/me/export", headers=bearer(tokens)) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    problem(refused, 429, "too_many_exports")
    assert refused.headers["retry-after"] == "3600"
    assert len(await events.of("account.exported")) == limit
    services.clock.offset += timedelta(hours=1, seconds=1)
    tokens = await people.log_in()
    assert (await api.get("/auth/me/export", headers=bearer(tokens))).status_code == 200
