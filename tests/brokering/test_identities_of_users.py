"""Identities as administrators see and unlink them, and what owners are mailed of theirs."""

from typing import Any
from uuid import uuid4

import pytest

from app.foundation.mail.messages import MESSAGES
from tests.administrators import Administrators
from tests.brokering.conftest import someone
from tests.brokering.test_accounts import RULES, held, make_rights
from tests.brokering.test_linking import confirm, go, identities, signed_in
from tests.mailbox import Mailbox
from tests.support import Events, problem

pytestmark = pytest.mark.anyio

READ, WRITE = "admin:users:read", "admin:users:write"


@pytest.fixture
def policies() -> dict[str, dict[str, Any]]:
    return {"corp": {}, "other": {"rules": RULES[:1]}}


async def test_an_administrator_sees_and_unlinks_an_identity_and_its_owner_is_told(
    api, browsers, provider, admins: Administrators, events: Events, mailbox: Mailbox
):
    email = someone(provider)
    jo = browsers()
    await jo.sign_in()
    sub = (await jo.who())["sub"]
    admin, reader = await admins.holding(READ, WRITE), await admins.holding(READ)
    place = f"/admin/users/{sub}/identities"
    listed = (await api.get(place, headers=reader)).json()
    [identity] = listed["items"]
    assert listed["next"] is None
    assert (identity["provider"], identity["issuer"]) == ("corp", provider.issuer)
    assert (identity["subject"], identity["email"], identity["how"]) == (provider.person["sub"], email, "created")
    one = f"{place}/{identity['id']}"
    shown = await api.get(one, headers=reader)
    assert shown.json() == identity
    # Not by who may only look, not another's, not one that is not there.
    problem(await api.delete(one, headers=reader), 403, "insufficient_scope")
    problem(await api.get(f"{place}/{uuid4()}", headers=reader), 404, "identity_not_found")
    other = await signed_in(browsers(), "other@example.com")
    problem(
        await api.delete(f"/admin/users/{other}/identities/{identity['id']}", headers=admin), 404, "identity_not_found"
    )
    problem(await api.get(f"/admin/users/{uuid4()}/identities", headers=reader), 404, "user_not_found")
    # Not the last way in, and not as it was before somebody came by it.
    problem(await api.delete(one, headers=admin), 409, "last_way_in")
    await browsers().sign_in()
    stale = {**admin, "If-Match": shown.headers["etag"]}
    problem(await api.delete(f"{one}?force=true", headers=stale), 412, "precondition_failed")
    assert len((await api.get(place, headers=reader)).json()["items"]) == 1
    fresh = {**admin, "If-Match": (await api.get(one, headers=reader)).headers["etag"]}
    assert (await api.delete(f"{one}?force=true", headers=fresh)).status_code == 204
    assert (await api.get(place, headers=reader)).json()["items"] == []
    assert await jo.who() is None
    [entry] = await events.of("identity.unlinked")
    assert (entry["subject"], entry["details"]["forced"], entry["details"]["provider"]) == (sub, True, "corp")
    assert entry["actor_id"] not in (None, sub)
    mail = await mailbox.wait_for(to=email, template="identity_unlinked")
    assert "A sign-in at Corp no longer opens your account." in mail.text
    # From where the administrator did it is not the owner's to know.
    assert "127.0.0.1" not in mail.text
    assert "?token=" in mail.wasnt_me_link
    # The account that was made by an identity was no news.
    assert MESSAGES["identity_linked"].subject not in {one.subject for one in mailbox.received}


async def test_nobody_unlinks_an_identity_of_somebody_who_may_do_more(api, browsers, admins: Administrators):
    await admins.all_powerful()
    admin = await admins.holding(READ, WRITE)
    found = (await api.get("/admin/users", params={"email": "admin1@"}, headers=admin)).json()["items"]
    place = f"/admin/users/{found[0]['sub']}/identities/{uuid4()}"
    problem(await api.delete(place, headers=admin), 403, "right_not_held")
    await admins.grow_stale()
    problem(await api.delete(place, headers=admin), 401, "insufficient_user_authentication")


@pytest.mark.attack("RPF-08")
async def test_an_owner_is_told_of_a_link_and_a_strangers_is_undone_by_the_mail(
    browsers, provider, services, events: Events, mailbox: Mailbox
):
    jo, stranger = browsers(), browsers()
    await signed_in(jo, "jo@example.com")
    someone(provider)
    # Somebody at the owner's unlocked screen links an identity of their own.
    await jo.open(await go(jo))
    await jo.follow()
    await confirm(jo)
    mail = await mailbox.wait_for(to="jo@example.com", template="identity_linked")
    assert "From now on a sign-in at Corp opens your account too." in mail.text
    assert "127.0.0.1" in mail.text
    await stranger.sign_in()
    assert (await stranger.who())["email"] == "jo@example.com"
    page = await browsers().client.get(mail.wasnt_me_link)
    assert "unlink the sign-in providers that were linked lately" in page.text
    token = mail.wasnt_me_link.partition("token=")[2]
    answer = await browsers().client.post("/not-me", data={"token": token}, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code in (200, 303), answer.text
    assert await stranger.who() is None
    [entry] = await events.of("account.interrupted")
    assert entry["details"]["identities"] == 1
    await mailbox.wait_for(to="jo@example.com", template="identity_unlinked")
    # What they come by next is an account of their own, or none: never the owner's.
    await stranger.sign_in()
    assert (await stranger.who())["email"] != "jo@example.com"


async def test_what_an_account_was_made_by_outlasts_the_owners_alarm(browsers, provider, services, mailbox: Mailbox):
    await make_rights(services)
    email = someone(provider)
    jo = browsers()
    await jo.sign_in()
    sub = (await jo.who())["sub"]
    someone(provider, groups=["staff-there"])
    await jo.open(await go(jo, "other"))
    await jo.follow()
    await confirm(jo)
    assert len(await identities(jo)) == 2
    await browsers().sign_in("other")
    assert await held(services, sub) == ({("support", None)}, {"crew"})
    mail = await mailbox.wait_for(to=email, template="identity_linked")
    token = mail.wasnt_me_link.partition("token=")[2]
    await jo.client.post("/not-me", data={"token": token}, headers={"Sec-Fetch-Site": "same-origin"})
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, email)
    [left] = await services.brokering.unlinking.list_of(user.id)
    assert (left.connection_id, left.how) == ("corp", "created")
    # What the stranger's provider gave went with the stranger's identity.
    assert await held(services, sub) == (set(), set())
