from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import text

from app.audiences.errors import AudienceNotFound
from app.audit.event import SYSTEM
from app.clients.authenticate import MissingServiceScope
from app.clients.errors import ClientNotAuthenticated, ClientNotFound, InvalidClientDefinition
from app.clients.rules import ServiceScope, is_client_id
from tests.clients.conftest import ORIGIN, basic

pytestmark = pytest.mark.anyio


async def test_a_client_proves_itself_by_its_secret(services, make_client, events):
    made = await make_client()
    client = await services.client_authentication.authenticate([basic(made.client_id, made.raw_secret)], ORIGIN)
    assert (client.client_id, client.audience, client.scopes) == (
        made.client_id,
        "orders-api",
        frozenset({"introspection"}),
    )
    assert client.require_service(ServiceScope.INTROSPECTION) == "orders-api"
    with pytest.raises(MissingServiceScope):
        client.require_service(ServiceScope.REVOCATIONS_READ)
    (created,) = await events.of("client.created")
    assert created["subject"] == made.client_id
    assert made.raw_secret not in str(created)


@pytest.mark.attack("TOK-09")
@pytest.mark.spec("RFC 6749 §2.3.1")
async def test_encoded_credentials_are_accepted_exactly_when_they_are_right(services, make_client):
    made = await make_client()
    every = "".join(f"%{byte:02X}" for byte in made.raw_secret.encode())
    client = await services.client_authentication.authenticate([basic(quote(made.client_id), every)], ORIGIN)
    assert client.client_id == made.client_id
    for wrong in (every[:-3], every + "%20", every + ":", "ä" + every, every.replace("%", "%25")):
        with pytest.raises(ClientNotAuthenticated):
            await services.client_authentication.authenticate([basic(made.client_id, wrong)], ORIGIN)


@pytest.mark.attack("TOK-08")
@pytest.mark.spec("RFC 6749 §5.2")
async def test_every_failure_gets_the_same_answer(services, make_client, events):
    made, other = await make_client(), await make_client()
    good = basic(made.client_id, made.raw_secret)
    tried = [
        [],
        [good, good],
        [basic(made.client_id, "")],
        [basic(made.client_id, "wrong")],
        [basic(made.client_id, other.raw_secret)],
        [basic("c_" + "0" * 22, made.raw_secret)],
        [basic("c_\0", made.raw_secret)],
        [basic("", "")],
        [f"Bearer {made.raw_secret}"],
        ["Basic %%%"],
        ["Basic"],
    ]
    for authorization in tried:
        with pytest.raises(ClientNotAuthenticated) as refused:
            await services.client_authentication.authenticate(authorization, ORIGIN)
        assert refused.value.status == 401
        assert refused.value.code == "invalid_client"
        assert refused.value.challenge.startswith("Basic ")
    refusals = await events.of("client.refused")
    assert [entry["subject"] for entry in refusals] == [made.client_id] * 3


async def test_a_disabled_client_is_refused_until_it_is_enabled(services, make_client, events):
    made = await make_client()
    authorization = [basic(made.client_id, made.raw_secret)]
    for _ in range(2):
        async with services.db.transaction() as tx:
            await services.clients.disable(tx, made.client_id, actor=SYSTEM, origin=ORIGIN)
    with pytest.raises(ClientNotAuthenticated):
        await services.client_authentication.authenticate(authorization, ORIGIN)
    async with services.db.transaction() as tx:
        await services.clients.enable(tx, made.client_id, actor=SYSTEM, origin=ORIGIN)
    await services.client_authentication.authenticate(authorization, ORIGIN)
    assert len(await events.of("client.disabled", "client.enabled")) == 2


async def test_a_former_secret_counts_until_the_overlap_ends(services, make_client):
    made = await make_client()
    async with services.db.transaction() as tx:
        fresh = await services.clients.rotate_secret(
            tx, made.client_id, overlap=timedelta(hours=1), actor=SYSTEM, origin=ORIGIN
        )
    for secret in (made.raw_secret, fresh.raw_secret):
        await services.client_authentication.authenticate([basic(made.client_id, secret)], ORIGIN)
    services.clock.offset = timedelta(hours=1, seconds=1)
    await services.client_authentication.authenticate([basic(made.client_id, fresh.raw_secret)], ORIGIN)
    with pytest.raises(ClientNotAuthenticated):
        await services.client_authentication.authenticate([basic(made.client_id, made.raw_secret)], ORIGIN)


async def test_only_a_hash_of_a_long_random_secret_is_stored(services, make_client):
    made, other = await make_client(), await make_client()
    assert is_client_id(made.client_id)
    assert len(made.raw_secret) == 43
    assert made.raw_secret not in (other.raw_secret, repr(made))
    async with services.db.transaction() as tx:
        rows = (await tx.execute(text("SELECT t::text FROM (SELECT * FROM client_secrets) t"))).scalars().all()
    assert len(rows) == 2
    assert made.raw_secret not in str(rows)


@pytest.mark.parametrize(
    ("definition", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "two\nlines"}, "/name"),
        ({"scopes": ("orders:read",)}, "/scopes"),
        ({"audience": None}, "/audience"),
    ],
)
async def test_a_definition_that_breaks_a_rule_is_refused_by_the_field(make_client, definition, pointer):
    with pytest.raises(InvalidClientDefinition) as refused:
        await make_client(**definition)
    assert [fault["pointer"] for fault in refused.value.extensions["errors"]] == [pointer]


async def test_a_client_stands_for_a_registered_audience_only(make_client):
    with pytest.raises(AudienceNotFound):
        await make_client(audience="nobody")


async def test_an_unknown_client_is_not_found(services):
    async with services.db.transaction() as tx:
        for act in (services.clients.disable, services.clients.enable):
            with pytest.raises(ClientNotFound):
                await act(tx, "c_unknown", actor=SYSTEM, origin=ORIGIN)
        with pytest.raises(ClientNotFound):
            await services.clients.rotate_secret(tx, "c_unknown", overlap=timedelta(0), actor=SYSTEM, origin=ORIGIN)
