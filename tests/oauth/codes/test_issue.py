"""What a client may ask of a user, and when a code is given for it."""

import re

import pytest
from sqlalchemy import text

from app.audiences.own import SELF
from app.audiences.service import AudienceView
from app.clients.service import NewCredentials
from app.foundation.errors import ServiceError
from app.grants.errors import InsufficientAuthentication, InvalidScope, SessionOver
from app.protocols.jose.algorithms import Algorithm
from app.wiring import Services
from tests.oauth.codes.conftest import IssueCode, SignIn
from tests.oauth.conftest import MakeClient
from tests.support import ISSUER

pytestmark = pytest.mark.anyio


@pytest.mark.attack("REF-10")
async def test_a_code_is_kept_as_a_hash(
    services: Services, at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode
) -> None:
    raw_code = await issue_code(await at_browser(), web_app.client_id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", raw_code)
    async with services.db.transaction() as tx:
        (row,) = (await tx.execute(text("SELECT *, authorization_codes::text AS whole FROM authorization_codes"))).all()
    assert raw_code not in row.whole
    assert (row.audience, row.resource, row.offline) == ("orders-api", None, False)
    assert 59 <= (row.expires_at - row.created_at).total_seconds() <= 60


async def test_a_session_that_is_over_gives_no_code(
    services: Services, at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode
) -> None:
    person = await at_browser()
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE sessions SET ended_at = now()"))
    with pytest.raises(SessionOver):
        await issue_code(person, web_app.client_id)


async def test_an_audience_that_asks_for_more_is_not_opened_by_less(
    at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode
) -> None:
    bank = AudienceView(name="orders-api", aud="orders-api", algorithm=Algorithm.RS256, required_acr="aal2")
    with pytest.raises(InsufficientAuthentication):
        await issue_code(await at_browser(), web_app.client_id, audience=bank)
    better = await at_browser("bob@example.com", acr="aal2")
    assert await issue_code(better, web_app.client_id, audience=bank)


@pytest.mark.spec("RFC 8707 §2")
async def test_a_client_reaches_its_own_audiences_and_userinfo(services: Services, make_client: MakeClient) -> None:
    async def made(*targets: str) -> object:
        stated = {"targets": dict.fromkeys(targets), "grant_types": ("authorization_code",)}
        new = await make_client(**stated, redirect_uris=("https://a.example/cb",))
        return await services.oauth.directory.read(new.client_id)

    of = services.codes.targets.of
    none, one, two = await made(), await made("orders-api"), await made("orders-api", "billing-api")
    assert (await of(none)).aud == f"{ISSUER}/oauth/userinfo"
    assert (await of(one)).aud == "orders-api"
    assert (await of(one, resources=[f"{ISSUER}/oauth/userinfo"])).name == ":userinfo"
    assert (await of(two, audience="billing-api")).aud == "billing-api"
    refused = [
        (two, {}),
        (one, {"audience": "billing-api"}),
        (one, {"audience": "nowhere"}),
        (one, {"audience": ISSUER}),
        (await made(SELF), {"audience": ISSUER}),
        (await made(SELF), {"resources": [ISSUER]}),
        (two, {"audience": "orders-api", "resources": ["https://x.example"]}),
        (two, {"resources": ["https://x.example", "https://y.example"]}),
    ]
    for client, asked in refused:
        with pytest.raises(ServiceError) as caught:
            await of(client, **asked)
        assert caught.value.code == "invalid_target", asked


@pytest.mark.spec("RFC 6749 §3.3")
async def test_a_client_asks_for_scopes_that_it_holds(services: Services, make_client: MakeClient) -> None:
    stated = {"grant_types": ("authorization_code",), "redirect_uris": ("https://a.example/cb",)}
    client = await services.oauth.directory.read((await make_client(**stated)).client_id)
    assert client is not None
    targets = services.codes.targets
    view = await targets.of(client)
    assert targets.scopes(client, view, None) == ("orders:read",)
    assert targets.scopes(client, view, ("openid", "openid", "orders:read")) == ("openid", "orders:read")
    # It may not refresh, so there is nothing to do offline.
    assert targets.scopes(client, view, ("openid", "offline_access")) == ("openid",)
    for scope in ("orders:write", "billing:read", "nothing"):
        with pytest.raises(InvalidScope):
            targets.scopes(client, view, (scope,))
