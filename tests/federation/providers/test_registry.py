"""The registry of identity providers, by its services."""

import asyncio

import pytest
from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.federation.connector import Connection, ConnectorKind, Linking, Policy, Rule
from app.federation.providers.connectors import Connectors
from app.federation.providers.definition import Definition
from app.federation.providers.errors import (
    DomainTaken,
    IdentityProviderDeclared,
    IdentityProviderExists,
    IdentityProviderInUse,
    IdentityProviderNotFound,
    InvalidIdentityProvider,
)
from app.federation.providers.registration import ProviderChange, ProviderRegistration
from app.federation.providers.rights import GivenRights
from app.federation.providers.service import IdentityProviders
from app.federation.providers.stored import Shelf
from app.foundation.db import Transaction
from app.foundation.encryption import DecryptionFailed, Keyring
from app.groups.errors import GroupNotFound
from app.roles.change import Authority, By
from app.roles.errors import RightNotHeld, RoleNotFound
from app.roles.rules import ADMIN_PERMISSIONS
from app.wiring import Services
from tests.administrators import BY
from tests.federation.providers.connector import PaperConnector
from tests.support import ISSUER, Events

pytestmark = pytest.mark.anyio

OPERATOR = By(**BY)
CONNECTORS = Connectors([PaperConnector()])
CORP = Definition(
    id="corp",
    name="Corp",
    config={"client_id": "us"},
    policy=Policy(
        domains=("Corp.Example", "corp.example", "bücher.example"),
        linking=Linking.VERIFIED_EMAIL,
        rules=(Rule(claim="groups", value="staff", roles=(("orders-api", "admin"), (None, "admin"))),),
        keeps_refresh_token=True,
    ),
)


class PaperLinks:
    """Links of accounts, as the feature that owns them would count them."""

    def __init__(self) -> None:
        self.links = {"corp": 2}

    async def count_of(self, tx: Transaction, connection_id: str) -> int:
        return self.links.get(connection_id, 0)

    async def remove_of(self, tx: Transaction, connection_id: str) -> None:
        self.links.pop(connection_id, None)


class Registry:
    """The services, over one database."""

    def __init__(self, services: Services, *, declared: tuple[Connection, ...] = ()) -> None:
        self.shelf = Shelf(services.keyring, CONNECTORS, issuer=ISSUER)
        self.links = PaperLinks()
        self.providers = IdentityProviders(services.db, self.shelf, declared=declared)
        self.registration = ProviderRegistration(
            services.db,
            services.clock,
            services.audit,
            shelf=self.shelf,
            connectors=CONNECTORS,
            given=GivenRights(services.audiences, services.role_registration, services.groups),
            links=[self.links],
            declared=declared,
        )


@pytest.fixture
async def registry(services: Services) -> Registry:
    return Registry(services)


def named(provider_id: str, *domains: str) -> Definition:
    return Definition(id=provider_id, name=provider_id, config={"client_id": "us"}, policy=Policy(domains=domains))


async def test_a_connection_is_found_as_it_was_set_up_and_by_its_domains(registry: Registry, services: Services):
    made = await registry.registration.create(CORP, secret="s3cret", by=OPERATOR)
    assert (made.has_secret, made.from_settings, made.callback_url) == (
        True,
        False,
        f"{ISSUER}/auth/oauth/corp/callback",
    )
    assert made.definition.config == {"client_id": "us"}
    found = await registry.providers.get(None, "corp")
    assert found.secret == "s3cret"
    assert "s3cret" not in repr(found)
    assert found.config == {"scopes": ["openid"], "client_id": "us"}
    assert found.policy.domains == ("corp.example", "xn--bcher-kva.example")
    assert found.policy.rules == CORP.policy.rules
    assert (found.policy.linking, found.policy.keeps_refresh_token) == (Linking.VERIFIED_EMAIL, True)
    async with services.db.transaction() as tx:
        assert await registry.providers.get(tx, "corp") == found
    await registry.providers.refresh()
    assert await registry.providers.shown() == [found]
    for domain in ("corp.example", "CORP.example", "Bücher.Example"):
        assert await registry.providers.for_domain(domain) == found, domain
    for domain in ("sub.corp.example", "example", "corp.example.", "", "a@corp.example", "x" * 300):
        assert await registry.providers.for_domain(domain) is None, domain


async def test_a_secret_is_sealed_for_its_id_and_stands_in_no_event(
    registry: Registry, services: Services, events: Events
):
    await registry.registration.create(CORP, secret="s3cret-of-corp", by=OPERATOR)
    await registry.registration.change("corp", ProviderChange(secret="another-s3cret"), by=OPERATOR)
    async with services.db.transaction() as tx:
        everything = str((await tx.execute(text("SELECT * FROM identity_providers"))).all())
        await tx.execute(text("UPDATE identity_providers SET id = 'stolen'"))
    told = await events.of("identity_provider.created", "identity_provider.changed")
    assert [entry["details"] for entry in told] == [
        {"provider_id": "corp", "kind": "oidc", "enabled": True},
        {"provider_id": "corp", "changed": ["secret"], "enabled": True},
    ]
    assert "s3cret" not in everything + str(told)
    with pytest.raises(DecryptionFailed):
        await registry.providers.get(None, "stolen")


async def test_a_provider_whose_secret_is_lost_takes_no_button_from_the_others(registry: Registry, services: Services):
    await registry.registration.create(named("well"), secret="kept", by=OPERATOR)
    other = Registry(services)
    other.shelf = Shelf(Keyring([b"k" * 32]), CONNECTORS, issuer=ISSUER)
    foreign = other.shelf.seal("ill", "lost")
    await registry.registration.create(named("ill", "ill.example"), secret="lost", by=OPERATOR)
    async with services.db.transaction() as tx:
        statement = text("UPDATE identity_providers SET sealed_secret = :sealed WHERE id = 'ill'")
        await tx.execute(statement, {"sealed": foreign})
    await registry.providers.refresh()
    assert [one.id for one in await registry.providers.shown()] == ["well"]
    assert await registry.providers.for_domain("ill.example") is None


async def test_a_configuration_that_its_connector_takes_no_more_admits_nobody(registry: Registry, services: Services):
    await registry.registration.create(named("well"), secret=None, by=OPERATOR)
    await registry.registration.create(named("old"), secret=None, by=OPERATOR)
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE identity_providers SET config = '{}', version = version + 1 WHERE id = 'old'"))
    with pytest.raises(IdentityProviderNotFound):
        await registry.providers.get(None, "old")
    await registry.providers.refresh()
    assert [one.id for one in await registry.providers.shown()] == ["well"]
    await registry.registration.change("old", ProviderChange(config={"client_id": "us"}), by=OPERATOR)
    assert (await registry.providers.get(None, "old")).config["scopes"] == ["openid"]


async def test_a_disabled_provider_is_refused_like_one_that_there_is_not(registry: Registry):
    await registry.registration.create(CORP, secret=None, by=OPERATOR)
    await registry.registration.change("corp", ProviderChange(is_enabled=False), by=OPERATOR)
    await registry.providers.refresh()
    refusals = []
    for provider_id in ("corp", "nobody", "cörp", "a\x00b", "\ud800", "x" * 5000):
        with pytest.raises(IdentityProviderNotFound) as refused:
            await registry.providers.get(None, provider_id)
        refusals.append(str(refused.value))
    assert len(set(refusals)) == 1
    assert await registry.providers.shown() == []
    assert await registry.providers.for_domain("corp.example") is None
    assert (await registry.registration.get("corp")).definition.is_enabled is False


async def test_a_hidden_provider_has_no_button_and_still_its_domain(registry: Registry):
    hidden = Definition(
        id="corp", name="Corp", config=CORP.config, policy=Policy(domains=("corp.example",), is_shown=False)
    )
    await registry.registration.create(hidden, secret=None, by=OPERATOR)
    assert await registry.providers.shown() == []
    found = await registry.providers.for_domain("corp.example")
    assert found is not None
    assert found.id == "corp"


async def test_other_processes_see_a_change_and_many_look_ups_share_a_reading(registry: Registry, services: Services):
    elsewhere = Registry(services)
    assert await elsewhere.providers.shown() == []
    await registry.registration.create(CORP, secret=None, by=OPERATOR)
    async with asyncio.timeout(30):
        while not await elsewhere.providers.shown():
            await asyncio.sleep(0.05)


async def test_what_is_declared_goes_first_and_is_changed_by_nobody(services: Services):
    declared = (await _connection(services, "corp"), await _connection(services, "more"))
    plain, registry = Registry(services), Registry(services, declared=declared)
    await plain.registration.create(CORP, secret="registered", by=OPERATOR)
    await plain.registration.create(named("third"), secret=None, by=OPERATOR)
    await registry.providers.refresh()
    assert [one.id for one in await registry.providers.shown()] == ["corp", "more", "third"]
    assert (await registry.providers.get(None, "corp")).secret == "declared"
    listed = await registry.registration.list()
    assert [(one.id, one.from_settings) for one in listed] == [("corp", True), ("more", True), ("third", False)]
    with pytest.raises(IdentityProviderDeclared):
        await registry.registration.change("more", ProviderChange(name="x"), by=OPERATOR)
    with pytest.raises(IdentityProviderDeclared):
        await registry.registration.delete("corp", by=OPERATOR)
    with pytest.raises(IdentityProviderExists):
        await registry.registration.create(named("more"), secret=None, by=OPERATOR)
    with pytest.raises(DomainTaken, match=r"more\.example is a domain of more"):
        await registry.registration.create(named("fourth", "more.example"), secret=None, by=OPERATOR)
    assert (await registry.registration.test("more")).failed is not None


async def _connection(services: Services, provider_id: str) -> Connection:
    scratch = Registry(services)
    await scratch.registration.create(named(provider_id, f"{provider_id}.example"), secret="declared", by=OPERATOR)
    made = await scratch.providers.get(None, provider_id)
    await scratch.registration.delete(provider_id, removes_links=True, by=OPERATOR)
    return made


@pytest.mark.parametrize(
    ("definition", "secret", "pointers"),
    [
        (named("Corp"), None, ["/id"]),
        (named("-corp"), None, ["/id"]),
        (named("exchange"), None, ["/id"]),
        (named("c" * 41), None, ["/id"]),
        (Definition(id="corp", name="two\nlines", config={"client_id": "us"}), None, ["/name"]),
        (Definition(id="corp", name=" ", config={"client_id": "us"}), None, ["/name"]),
        (Definition(id="corp", name="Corp", config={}), None, ["/config/client_id"]),
        (Definition(id="corp", name="Corp", config={"client_id": "x", "a/b": 1}), None, ["/config/a~1b"]),
        (Definition(id="corp", name="Corp", preset="myspace", config={"client_id": "x"}), None, ["/preset"]),
        (Definition(id="corp", name="Corp", kind=ConnectorKind.OAUTH2, config={}), None, ["/kind"]),
        (Definition(id="corp", name="Corp", config={"client_secret": "x"}), None, ["/config/client_secret"]),
        (Definition(id="corp", name="Corp", config={"x": "y" * 200_001}), None, ["/config"]),
        (Definition(id="corp", name="Corp", config={"client_id": "a\x00b"}), None, ["/config"]),
        (Definition(id="corp", name="Corp", config={"client_id": "a\ud800b"}), None, ["/config"]),
        (
            named("corp", "corp.example", "not a domain", "a@b.example"),
            None,
            ["/policy/domains/1", "/policy/domains/2"],
        ),
        (named("corp"), "", ["/secret"]),
        (named("corp"), "tab\there", ["/secret"]),
        (
            Definition(
                id="corp",
                name="Corp",
                config={"client_id": "us"},
                policy=Policy(rules=(Rule(claim="", value="x" * 513), Rule(claim="a", value="b", groups=("g",) * 21))),
            ),
            None,
            ["/policy/rules/0/claim", "/policy/rules/0/value", "/policy/rules/0/roles", "/policy/rules/1/groups"],
        ),
    ],
)
async def test_what_is_not_right_is_named_by_its_pointer(definition, secret, pointers):
    # None of it comes so far that it needs a database.
    registration = ProviderRegistration(
        *[None] * 3,  # type: ignore[arg-type]
        shelf=None,  # type: ignore[arg-type]
        connectors=CONNECTORS,
        given=None,  # type: ignore[arg-type]
        links=(),
    )
    with pytest.raises(InvalidIdentityProvider) as refused:
        registration._checked(definition, secret)
    errors = refused.value.extensions["errors"]
    assert [error["pointer"] for error in errors] == pointers  # type: ignore[index, attr-defined]


async def test_rules_give_only_what_there_is(registry: Registry):
    for rule, refusal in (
        (Rule(claim="groups", value="x", roles=((None, "nowhere"),)), RoleNotFound),
        (Rule(claim="groups", value="x", roles=(("nowhere-api", "admin"),)), "audience"),
        (Rule(claim="groups", value="x", groups=("Nowhere",)), GroupNotFound),
    ):
        wanted = Definition(id="corp", name="Corp", config=CORP.config, policy=Policy(rules=(rule,)))
        if isinstance(refusal, str):
            with pytest.raises(Exception, match=refusal):
                await registry.registration.create(wanted, secret=None, by=OPERATOR)
        else:
            with pytest.raises(refusal):
                await registry.registration.create(wanted, secret=None, by=OPERATOR)
    assert await registry.registration.list() == []


async def test_only_who_holds_every_right_says_by_whom_people_are_vouched_for(registry: Registry):
    def held(permissions: frozenset[str]) -> By:
        actor = Actor(ActorKind.API_KEY, "k1")
        return By(actor=actor, origin=OPERATOR.origin, authority=Authority(user_id=None, permissions=permissions))

    some = held(frozenset({"admin:identity-providers:write", "admin:identity-providers:read"}))
    with pytest.raises(RightNotHeld):
        await registry.registration.create(CORP, secret=None, by=some)
    await registry.registration.create(CORP, secret=None, by=held(ADMIN_PERMISSIONS))
    for change in (
        ProviderChange(config={"client_id": "mine"}),
        ProviderChange(secret="mine"),
        ProviderChange(policy=Policy()),
    ):
        with pytest.raises(RightNotHeld):
            await registry.registration.change("corp", change, by=some)
    changed = await registry.registration.change("corp", ProviderChange(name="C", is_enabled=False), by=some)
    assert (changed.definition.name, changed.definition.is_enabled) == ("C", False)
    with pytest.raises(RightNotHeld):
        await registry.registration.change("corp", ProviderChange(is_enabled=True), by=some)


async def test_a_version_is_never_used_again(registry: Registry):
    seen = {(await registry.registration.create(CORP, secret=None, by=OPERATOR)).version}
    for name in ("A", "B"):
        seen.add((await registry.registration.change("corp", ProviderChange(name=name), by=OPERATOR)).version)
    unchanged = await registry.registration.change("corp", ProviderChange(name="B"), by=OPERATOR)
    assert unchanged.version == max(seen)
    await registry.registration.delete("corp", removes_links=False, by=OPERATOR)
    again = await registry.registration.create(CORP, secret=None, by=OPERATOR)
    assert len(seen) == 3
    assert again.version > max(seen)


async def test_a_provider_that_people_are_linked_to_goes_only_when_the_links_are_spoken_for(
    registry: Registry, events: Events
):
    await registry.registration.create(CORP, secret=None, by=OPERATOR)
    with pytest.raises(IdentityProviderInUse, match="2 accounts"):
        await registry.registration.delete("corp", by=OPERATOR)
    await registry.registration.delete("corp", removes_links=False, by=OPERATOR)
    assert registry.links.links == {"corp": 2}
    await registry.registration.create(CORP, secret=None, by=OPERATOR)
    await registry.registration.delete("corp", removes_links=True, by=OPERATOR)
    assert registry.links.links == {}
    await registry.registration.create(CORP, secret=None, by=OPERATOR)
    await registry.registration.delete("corp", by=OPERATOR)
    with pytest.raises(IdentityProviderNotFound):
        await registry.registration.delete("corp", by=OPERATOR)
    told = [entry["details"] for entry in await events.of("identity_provider.deleted")]
    assert [(one["links"], one["removed"]) for one in told] == [(2, False), (2, True), (0, False)]


async def test_of_two_who_take_one_domain_or_one_id_at_once_one_gets_it(registry: Registry):
    async def create(provider_id: str, *domains: str) -> str:
        try:
            return (await registry.registration.create(named(provider_id, *domains), secret=None, by=OPERATOR)).id
        except (DomainTaken, IdentityProviderExists) as refused:
            return refused.code

    answers = await asyncio.gather(*(create(f"p{n}", "corp.example") for n in range(5)))
    assert sorted(answers)[:4] == ["identity_provider_domain_taken"] * 4
    answers = await asyncio.gather(*(create("same") for _ in range(5)))
    assert sorted(answers) == [*["identity_provider_exists"] * 4, "same"]


async def test_a_test_asks_the_connector_with_the_secret_also_of_a_disabled_provider(registry: Registry):
    await registry.registration.create(CORP, secret="wrong", by=OPERATOR)
    await registry.registration.change("corp", ProviderChange(is_enabled=False), by=OPERATOR)
    failed = (await registry.registration.test("corp")).failed
    assert failed is not None
    assert failed.name == "secret"
    await registry.registration.change("corp", ProviderChange(secret="right"), by=OPERATOR)
    assert (await registry.registration.test("corp")).failed is None
    changed = await registry.registration.change("corp", ProviderChange(secret=""), by=OPERATOR)
    assert changed.has_secret is False
    with pytest.raises(IdentityProviderNotFound):
        await registry.registration.test("nobody")
