"""What tokens of a code open: UserInfo, introspection, and giving them back."""

import httpx2
import pytest

from app.clients.service import NewCredentials
from app.wiring import Services
from tests.oauth.codes.conftest import IssueCode, Redeem, SignIn
from tests.oauth.conftest import Machine, MakeClient, refused
from tests.support import Events, bearer

pytestmark = pytest.mark.anyio

USERINFO = "/oauth/userinfo"
INTROSPECT = "/oauth/introspect"
REVOKE = "/oauth/revoke"


def basic(client: NewCredentials) -> tuple[str, str]:
    return client.client_id, client.raw_secret or ""


@pytest.mark.spec("OpenID Connect Core §5.3")
async def test_userinfo_tells_what_the_scopes_open(
    at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode, redeem: Redeem, api: httpx2.AsyncClient
) -> None:
    person = await at_browser(name="Ann Lee")
    told = {}
    for scope in ("openid", "openid profile", "openid email", "openid groups roles"):
        code = await issue_code(person, web_app.client_id, scope=tuple(scope.split()))
        tokens = (await redeem(code, web_app)).json()
        for answer in (
            await api.get(USERINFO, headers=bearer(tokens)),
            await api.post(USERINFO, headers=bearer(tokens)),
            await api.post(USERINFO, data={"access_token": tokens["access_token"]}),
        ):
            assert answer.status_code == 200, answer.text
            assert answer.headers["cache-control"] == "no-store"
            assert answer.json()["sub"] == person.sub
            told[scope] = answer.json()
    assert told["openid"] == {"sub": person.sub}
    assert told["openid profile"].keys() == {"sub", "name", "locale", "updated_at"}
    assert told["openid profile"]["name"] == "Ann Lee"
    assert told["openid email"] == {"sub": person.sub, "email": "ann@example.com", "email_verified": False}
    assert told["openid groups roles"] == {"sub": person.sub, "groups": [], "roles": []}


@pytest.mark.attack("OIP-06")
@pytest.mark.spec("RFC 6750 §2")
async def test_userinfo_refuses_every_other_token(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    make_client: MakeClient,
    machine: Machine,
    services: Services,
) -> None:
    person = await at_browser()
    good = (await redeem(await issue_code(person, web_app.client_id), web_app)).json()
    token = good["access_token"]
    in_address = await api.get(USERINFO, params={"access_token": token})
    assert refused(in_address, 400, "invalid_request")
    both = await api.post(USERINFO, headers=bearer(good), data={"access_token": token})
    assert refused(both, 400, "invalid_request")
    bare = (await redeem(await issue_code(person, web_app.client_id, scope=("orders:read",)), web_app)).json()
    assert "id_token" not in bare
    own = {"access_token": await machine.token(await make_client())}
    for tokens in (bare, own):
        answer = await api.get(USERINFO, headers=bearer(tokens))
        assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope"), answer.text
        assert 'scope="openid"' in answer.headers["www-authenticate"]
    nothing = await api.get(USERINFO)
    assert (nothing.status_code, nothing.headers["www-authenticate"]) == (401, "Bearer")
    for bad in (good["id_token"], "garbage", token[:-4] + "AAAA"):
        answer = await api.get(USERINFO, headers={"Authorization": f"Bearer {bad}"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token"), answer.text
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.attack("REF-06")
async def test_a_token_given_back_is_dead_at_once(
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    make_client: MakeClient,
    machine: Machine,
    events: Events,
) -> None:
    service = await make_client(
        name="orders", audience="orders-api", scopes=("introspection",), grant_types=(), targets={}
    )

    async def active(token: str) -> bool:
        answer = await api.post(INTROSPECT, data={"token": token}, auth=basic(service))
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])

    person = await at_browser()
    tokens = (await redeem(await issue_code(person, web_app.client_id), web_app)).json()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    assert await active(access)
    assert await active(refresh)
    answer = await api.post(REVOKE, data={"token": access}, auth=basic(web_app))
    assert (answer.status_code, answer.content) == (200, b"")
    assert not await active(access)
    assert (await api.get(USERINFO, headers=bearer(tokens))).status_code == 401
    assert (await api.get("/auth/validate", headers=bearer(tokens))).status_code == 401
    # The refresh token is another matter.
    assert await active(refresh)
    renewed = (
        await api.post(
            "/oauth/token", data={"grant_type": "refresh_token", "refresh_token": refresh}, auth=basic(web_app)
        )
    ).json()
    assert await active(renewed["access_token"])
    assert (await api.post(REVOKE, data={"token": renewed["refresh_token"]}, auth=basic(web_app))).status_code == 200
    assert not await active(renewed["access_token"])
    assert not await active(renewed["refresh_token"])
    own_client = await make_client()
    own = await machine.token(own_client)
    assert await active(own)
    assert (await api.post(REVOKE, data={"token": own}, auth=basic(own_client))).status_code == 200
    assert not await active(own)
    assert len(await events.of("token.revoked")) == 2
    assert [entry["details"]["reason"] for entry in await events.of("grant.revoked")] == ["revoked_by_client"]
