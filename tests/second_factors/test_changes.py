"""Removing and resetting second factors."""

import asyncio
from datetime import timedelta

import pytest

from app.audit.event import Actor, ActorKind
from app.foundation.origin import Origin
from app.wiring import Services
from tests.authenticator import Authenticator
from tests.second_factors.support import Ann
from tests.support import Events, bearer, problem

pytestmark = pytest.mark.anyio

OPERATOR = Actor(ActorKind.OPERATOR, "test")
ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)


@pytest.mark.attack("MFA-05")
async def test_a_factor_is_removed_only_by_a_fresh_sign_in_with_a_factor(ann: Ann, events: Events) -> None:
    earlier = await ann.people.log_in()
    await ann.enrols_totp()
    # A session from before the factor, stolen or forgotten: fresh, and proven by a password alone.
    for method, path in (("DELETE", "totp"), ("POST", "recovery-codes"), ("POST", "passkeys")):
        answer = await ann.api.request(method, f"/auth/mfa/{path}", headers=bearer(earlier))
        problem(answer, 401, "insufficient_user_authentication")
        assert 'acr_values="aal2"' in answer.headers["www-authenticate"]
    await ann.signs_in()
    ann.wait(601)
    stale = (await ann.api.post("/auth/refresh", json={"refresh_token": ann.tokens["refresh_token"]})).json()
    answer = await ann.api.delete("/auth/mfa/totp", headers=bearer(stale))
    problem(answer, 401, "insufficient_user_authentication")
    await ann.signs_in()
    assert (await ann.api.delete("/auth/mfa/totp", headers=bearer(ann.tokens))).status_code == 204
    (entry,) = await events.of("mfa.removed")
    assert entry["details"] == {"factor": "totp"}


@pytest.mark.attack("SES-06")
async def test_removing_a_factor_ends_every_other_session(ann: Ann) -> None:
    await ann.enrols_totp()
    other = await ann.signs_in()
    mine = await ann.signs_in()
    assert (await ann.api.delete("/auth/mfa/totp", headers=bearer(mine))).status_code == 204
    problem(await ann.api.get("/auth/me", headers=bearer(other)), 401, "invalid_token")
    assert (await ann.api.get("/auth/me", headers=bearer(mine))).status_code == 200
    # Recovery codes went with the factor that they stood in for: the password alone signs in again.
    state = await ann.api.get("/auth/mfa/recovery-codes", headers=bearer(mine))
    assert state.json() == {"remaining": 0, "created_at": None}
    await ann.people.log_in()


async def test_there_is_nothing_to_remove_twice(ann: Ann) -> None:
    problem(await ann.api.delete("/auth/mfa/totp", headers=bearer(ann.tokens)), 404, "not_found")


@pytest.mark.attack("MFA-07")
async def test_a_reset_takes_every_factor_ends_every_session_and_is_recorded(
    ann: Ann, services: Services, events: Events
) -> None:
    await ann.enrols_totp()
    await ann.adds(Authenticator())
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
    assert user is not None
    await services.second_factors.reset(user.id, actor=OPERATOR, origin=ORIGIN)
    (entry,) = await events.of("mfa.reset")
    assert (entry["actor_kind"], entry["subject"]) == ("operator", user.sub)
    assert entry["details"] == {"factors": ["totp", "passkey", "recovery_code"]}
    problem(await ann.api.get("/auth/me", headers=bearer(ann.tokens)), 401, "invalid_token")
    await ann.people.log_in()


async def test_of_two_last_factors_removed_at_once_one_stays_where_one_is_required(ann: Ann) -> None:
    await ann.enrols_totp()
    passkey = await ann.adds(Authenticator())
    await ann.services.db.fetchrow("UPDATE users SET required_acr = 'aal2'")
    headers = bearer(ann.tokens)
    answers = await asyncio.gather(
        ann.api.delete("/auth/mfa/totp", headers=headers),
        ann.api.delete(f"/auth/mfa/passkeys/{passkey['id']}", headers=headers),
    )
    assert sorted(answer.status_code for answer in answers) == [204, 409]


async def test_a_deleted_user_leaves_no_factor_behind(ann: Ann, services: Services) -> None:
    await ann.enrols_totp()
    await ann.adds(Authenticator())
    assert (await ann.api.delete("/auth/me", headers=bearer(ann.tokens))).status_code == 204
    services.clock.offset += timedelta(seconds=services.settings.accounts.deletion_grace_seconds + 1)
    assert await services.closing.delete_due(ORIGIN) == 1
    for table in ("totp_credentials", "passkeys", "recovery_codes"):
        row = await services.db.fetchrow(f"SELECT count(*) FROM {table}")
        assert row is not None
        assert row[0] == 0


async def says_it_was_not_her(ann: Ann) -> None:
    async with ann.services.db.transaction() as tx:
        user = await ann.services.users.find_by_email(tx, "ann@example.com")
        assert user is not None
        url = await ann.services.wasnt_me.link(tx, user.id)
    await ann.services.owners_interruption.interrupt(url.partition("token=")[2], ORIGIN)


@pytest.mark.attack("MFA-07")
async def test_a_strangers_factors_go_when_the_owner_says_that_it_was_not_them(ann: Ann, events: Events) -> None:
    """A passkey that was added in their name would let the stranger in again, whatever the new password."""
    await ann.enrols_totp()
    strangers = Authenticator()
    await ann.adds(strangers, name="not hers")
    await says_it_was_not_her(ann)
    removed = [(entry["details"]["factor"], entry["details"].get("name")) for entry in await events.of("mfa.removed")]
    assert sorted(removed) == [("passkey", "not hers"), ("recovery_code", None), ("totp", None)]
    (said,) = await events.of("account.interrupted")
    assert said["details"]["factors"] == 3
    options = (await ann.api.post("/auth/passkeys/options")).json()["publicKey"]
    answer = await ann.api.post("/auth/passkeys/verify", json={"assertion": strangers.get(options)})
    problem(answer, 401, "invalid_passkey")
    assert (await ann.people.log_in())["access_token"]


async def test_factors_that_an_account_has_had_for_long_stay(ann: Ann, events: Events) -> None:
    await ann.enrols_totp()
    await ann.adds(Authenticator(), name="her phone")
    ann.wait(7 * 86_400 + 60)
    await ann.signs_in()
    await ann.adds(Authenticator(), name="not hers")
    await says_it_was_not_her(ann)
    (entry,) = await events.of("mfa.removed")
    assert entry["details"]["name"] == "not hers"
    tokens = await ann.signs_in()
    listed = (await ann.api.get("/auth/mfa/passkeys", headers=bearer(tokens))).json()
    assert [passkey["name"] for passkey in listed["items"]] == ["her phone"]
