"""Whose account it is that a provider's person comes to, and what they hold in it."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

from app.audit.event import SYSTEM
from app.roles.change import By
from app.users.user import Entry
from app.wiring import Services
from tests.brokering.conftest import ORIGIN, Browser, someone
from tests.federation.oidc.provider import LEAVE_OUT, Provider
from tests.support import PASSWORD, Events, suspend

pytestmark = pytest.mark.anyio

RULES = [
    {"claim": "groups", "value": "staff-there", "roles": [{"role": "support"}], "groups": ["crew"]},
    {"claim": "realm_access.roles", "value": "buyer", "roles": [{"role": "buyer", "audience": "orders-api"}]},
]


@pytest.fixture
def policies() -> dict[str, dict[str, Any]]:
    return {
        "corp": {},
        "linker": {"linking": "verified_email"},
        "closed": {"creates_users": False},
        "ruled": {"rules": RULES},
        "keeper": {"keeps_refresh_token": True},
    }


async def sign_up(browser: Browser, services: Services, email: str, *, verified: bool) -> str:
    answer = await browser.client.post("/auth/signup", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, email)
        assert user is not None
        if verified:
            await services.users.mark_verified(tx, user.id, actor=SYSTEM, origin=ORIGIN)
    return user.sub


async def rows(services: Services, statement: str, **values: object) -> list[Any]:
    async with services.db.transaction() as tx:
        return list(await tx.execute(text(statement), values))


async def test_only_issuer_and_subject_say_who_it_is(browsers, provider: Provider, services: Services):
    email = someone(provider)
    first = browsers()
    await first.sign_in()
    made = await first.who()
    assert (made["email"], made["email_verified"], made["name"]) == (email, True, "Jo Doe")
    # Another address there, the same person; the account keeps its own.
    provider.person["email"] = "renamed@corp.example"
    again = browsers()
    await again.sign_in()
    assert (await again.who())["sub"] == made["sub"]
    # The address that was theirs, somebody else's by now: no way into the account.
    provider.person |= {"sub": "newcomer", "email": email}
    other = browsers()
    answer = await other.sign_in()
    assert answer.status_code == 403
    assert other.page.heading == "Your email address has an account here already"
    assert await other.who() is None
    [identity] = await rows(services, "SELECT issuer, subject, email, last_used_at FROM federated_identities")
    assert (identity.issuer, identity.email) == (provider.issuer, email)
    assert identity.last_used_at is not None


@pytest.mark.attack("RPF-07")
@pytest.mark.parametrize("claim", [False, "false", "true", 1, LEAVE_OUT])
async def test_an_unverified_address_opens_nobodys_account(browsers, provider, services: Services, events, claim):
    email = "victim@corp.example"
    mallory = browsers()
    await sign_up(mallory, services, email, verified=True)
    for connection in ("corp", "linker", "closed"):
        someone(provider, email=email)
        provider.person.pop("email_verified")
        provider.id_token_changes = provider.userinfo_changes = {"email_verified": claim}
        answer = await mallory.sign_in(connection)
        assert answer.status_code == 403, (connection, answer.text)
        assert await mallory.who() is None
    assert await rows(services, "SELECT 1 FROM federated_identities") == []
    assert await events.of("identity.linked") == []


async def test_a_verified_address_links_only_where_policy_and_both_sides_say_so(
    browsers, provider, services: Services, events: Events
):
    someone(provider, email="unproven@corp.example")
    jo = browsers()
    await sign_up(jo, services, "unproven@corp.example", verified=False)
    assert (await jo.sign_in("linker")).status_code == 403
    someone(provider, email="Proven@corp.example")
    sub = await sign_up(jo, services, "proven@CORP.example", verified=True)
    assert (await jo.sign_in("corp")).status_code == 403
    assert await jo.who() is None
    assert (await jo.sign_in("linker")).status_code == 303
    assert (await jo.who())["sub"] == sub
    assert [one["details"]["how"] for one in await events.of("identity.linked")] == ["verified_email"]
    # From now on policy does not matter.
    again = browsers()
    assert (await again.sign_in("closed")).status_code == 303
    assert (await again.who())["sub"] == sub


@pytest.mark.attack("RPF-09")
async def test_a_suspended_user_is_refused(browsers, provider, services: Services, events):
    someone(provider)
    jo = browsers()
    await jo.sign_in()
    sub = (await jo.who())["sub"]
    await suspend(services, sub)
    assert await jo.who() is None
    for browser in (jo, browsers()):
        answer = await browser.sign_in()
        assert answer.status_code == 403
        assert browser.page.heading == "You can’t sign in here with Corp"
        assert await browser.who() is None
    refused = await events.of("user.federated_sign_in_refused")
    assert {one["details"]["reason"] for one in refused} == {"inactive"}
    # Nobody new either where no accounts are made, in the same words.
    someone(provider)
    stranger = browsers()
    answer = await stranger.sign_in("closed")
    assert (answer.status_code, stranger.page.heading) == (403, "You can’t sign in here with Closed")
    assert await rows(services, "SELECT 1 FROM users WHERE email = :email", email=provider.person["email"]) == []


async def test_who_has_no_address_gets_no_account(browsers, provider, services: Services):
    someone(provider)
    for told in (LEAVE_OUT, "no address", ""):
        provider.id_token_changes = provider.userinfo_changes = {"email": told}
        jo = browsers()
        assert (await jo.sign_in()).status_code == 403
        assert jo.page.heading == "Corp did not tell us your email address"
    assert await rows(services, "SELECT 1 FROM users") == []


async def test_a_name_that_cannot_be_one_turns_nobody_away(browsers, provider):
    someone(provider, name="J\u202eo\n" * 300)
    jo = browsers()
    assert (await jo.sign_in()).status_code == 303
    assert (await jo.who())["name"] in (None, "Jane Doe")


@pytest.mark.attack("RPF-10")
async def test_roles_and_groups_follow_explicit_rules_and_nothing_else(browsers, provider, services: Services):
    await make_rights(services)
    grand = {
        "groups": ["admin", "administrators", "crew"],
        "roles": ["admin", "support"],
        "role": "admin",
        "is_superuser": True,
        "permissions": ["admin:users:write"],
        "realm_access": {"roles": ["admin"]},
        "scope": "admin:users:write",
    }
    for connection in ("corp", "ruled"):
        someone(provider, **grand)
        jo = browsers()
        await jo.sign_in(connection)
        sub = (await jo.who())["sub"]
        assert await held(services, sub) == (set(), set()), connection
        assert (await jo.client.get("/admin/users")).status_code == 403
    # What a rule names, and only by its claim and value.
    provider.person |= {"groups": ["x", "staff-there"], "realm_access": {"roles": ["buyer"]}}
    await jo.sign_in("ruled")
    assert await held(services, sub) == ({("support", None), ("buyer", "orders-api")}, {"crew"})
    # Gone there, gone here at the next sign-in; what an administrator gave stays.
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
        await services.role_assignments.remove(
            tx, user_id=user.id, role="support", audience=None, actor=SYSTEM, origin=ORIGIN
        )
    provider.person |= {"groups": ["staff-there"], "realm_access": {}}
    await jo.sign_in("ruled")
    assert await held(services, sub) == ({("support", None)}, {"crew"})
    async with services.db.transaction() as tx:
        await services.role_assignments.assign(
            tx, user_id=user.id, role="buyer", audience=None, actor=SYSTEM, origin=ORIGIN
        )
    provider.person |= {"groups": "nothing", "realm_access": None}
    await jo.sign_in("ruled")
    assert await held(services, sub) == ({("buyer", None)}, set())


async def make_rights(services: Services) -> None:
    by = By(actor=SYSTEM, origin=ORIGIN)
    async with services.db.transaction() as tx:
        for role in ("support", "buyer"):
            await services.role_registration.create(tx, role, actor=SYSTEM, origin=ORIGIN)
        await services.groups.create(tx, "crew", by=by)


async def held(services: Services, sub: str) -> tuple[set[Any], set[str]]:
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
        assert user is not None
        roles = await services.role_assignments.list_of(tx, user.id)
        groups = await services.groups.list_of(tx, user.id)
    return {(one.role, one.audience) for one in roles}, {one.name for one in groups}


async def test_a_refresh_token_is_kept_sealed_and_only_where_asked_for(browsers, provider, services: Services):
    someone(provider)
    provider.token_changes = {"refresh_token": "upstream-secret"}
    jo = browsers()
    await jo.sign_in("corp")
    [kept] = await rows(services, "SELECT id, refresh_token FROM federated_identities")
    assert kept.refresh_token is None
    await jo.sign_in("keeper")
    [kept] = await rows(services, "SELECT id, refresh_token FROM federated_identities")
    assert b"upstream-secret" not in kept.refresh_token
    opened = services.keyring.decrypt(kept.refresh_token, purpose="upstream refresh token", bound_to=str(kept.id))
    assert opened == b"upstream-secret"
    provider.token_changes = {"refresh_token": LEAVE_OUT}
    await jo.sign_in("keeper")
    assert (await rows(services, "SELECT refresh_token FROM federated_identities"))[0].refresh_token is not None
    await jo.sign_in("corp")
    assert (await rows(services, "SELECT refresh_token FROM federated_identities"))[0].refresh_token is None


async def test_the_first_sign_in_of_one_person_in_many_tabs_makes_one_account(browsers, provider, services, events):
    someone(provider)
    tabs = [browsers() for _ in range(4)]
    backs = [await tab.start() for tab in tabs]
    answers = await asyncio.gather(*(tab.open(back) for tab, back in zip(tabs, backs, strict=True)))
    assert [answer.status_code for answer in answers] == [303] * 4
    subs = {(await tab.who())["sub"] for tab in tabs}
    assert len(subs) == len(await events.of("user.created")) == len(await events.of("identity.linked")) == 1
    # One browser, two tabs.
    someone(provider)
    jo = browsers()
    both = [await jo.start(), await jo.start()]
    answers = await asyncio.gather(*(jo.client.get(back) for back in both))
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(await events.of("user.created")) == 2


async def test_two_people_of_one_address_who_come_at_once_get_one_account_between_them(browsers, provider, events):
    email, subs = someone(provider), ["one", "two"]

    async def token(request: Request) -> Response:
        await request.body()
        provider.person["sub"] = subs.pop()
        return await provider._token(request)

    provider.answers["/token"] = token
    one, two = browsers(), browsers()
    backs = [await one.start("linker"), await two.start("linker")]
    answers = await asyncio.gather(one.open(backs[0]), two.open(backs[1]))
    # Both are verified there, and the account's address is: whoever comes second is linked to what the first has made.
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(await events.of("user.created")) == 1
    assert sorted(one["details"]["how"] for one in await events.of("identity.linked")) == ["created", "verified_email"]
    assert [(await browser.who())["email"] for browser in (one, two)] == [email, email]


async def test_a_user_who_goes_takes_their_identities_along(browsers, provider, services: Services):
    someone(provider)
    jo = browsers()
    await jo.sign_in()
    sub = (await jo.who())["sub"]
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
    assert len(await services.brokering.unlinking.list_of(user.id)) == 1
    await services.lifecycle.delete(user.id, actor=SYSTEM, origin=ORIGIN)
    assert await rows(services, "SELECT 1 FROM federated_identities") == []
    assert await rows(services, "SELECT 1 FROM federated_sessions") == []
    await jo.sign_in()
    assert (await jo.who())["sub"] != sub


class TestWhereExistenceIsHidden:
    """A verified address is required, and nobody learns who has an account."""

    @pytest.fixture
    def changes(self) -> dict[str, Any]:
        return {"accounts": {"hide_existence": True}}

    async def test_an_unverified_address_waits_for_its_link_whether_it_has_an_account_or_not(
        self, browsers, provider, services: Services, events
    ):
        told = []
        for owned in (False, True):
            email = someone(provider, email_verified=False)
            if owned:
                async with services.db.transaction() as tx:
                    await services.users.create(
                        tx, email=email, entry=Entry.SIGN_UP, origin=ORIGIN, actor=SYSTEM, verified=True
                    )
            jo = browsers()
            answer = await jo.sign_in()
            reference = answer.headers["x-trace-id"]
            told.append((answer.status_code, jo.page.words.replace(reference, "")))
            assert await jo.who() is None
        assert told[0] == told[1]
        assert told[0][0] == 403
        assert len(await events.of("email.verification_requested")) == 2
        assert len(await events.of("identity.linked")) == 1

    async def test_once_confirmed_the_person_comes_in(self, browsers, provider, services: Services):
        email = someone(provider, email_verified=False)
        jo = browsers()
        assert (await jo.sign_in()).status_code == 403
        async with services.db.transaction() as tx:
            user = await services.users.find_by_email(tx, email)
            await services.users.mark_verified(tx, user.id, actor=SYSTEM, origin=ORIGIN)
        assert (await jo.sign_in()).status_code == 303
        assert (await jo.who())["sub"] == user.sub


@pytest.mark.attack("RPF-07")
async def test_a_name_that_another_protocol_gave_is_nobody_known(browsers, provider, services: Services, events):
    """A Keycloak calls itself the same by OpenID Connect and by SAML, where people may choose what they are called."""
    someone(provider)
    jo = browsers()
    await jo.sign_in()
    await rows(services, "UPDATE federated_identities SET kind = 'saml' RETURNING id")
    stranger = browsers()
    assert (await stranger.sign_in()).status_code == 403
    assert stranger.page.heading == "You can’t sign in here with Corp"
    assert await stranger.who() is None
    # Of before it was noted: by whoever comes first.
    await rows(services, "UPDATE federated_identities SET kind = NULL RETURNING id")
    assert (await stranger.sign_in()).status_code == 303
    [kept] = await rows(services, "SELECT kind FROM federated_identities")
    assert kept.kind == "oidc"
