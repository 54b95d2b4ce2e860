import pytest

from app.audit.event import SYSTEM
from app.foundation.origin import Origin
from app.oauth.paths import BROWSER_CLIENT_PATHS
from app.protocols.oauth.registration import AuthMethod

pytestmark = pytest.mark.anyio

MINE = "https://app.a.test"
APP = {
    "audience": None,
    "scopes": (),
    "grant_types": ("authorization_code",),
    "redirect_uris": (f"{MINE}/cb",),
    "auth_method": AuthMethod.NONE,
    "allowed_origins": (MINE, "http://localhost:3000"),
}
FOREIGN = (
    *("https://evil.test", "null", "https://x.app.a.test", "https://app.a.test.evil.test", "http://app.a.test"),
    *("https://app.a.test:8443", "https://app.a.test/", "*"),
)


@pytest.mark.attack("SES-08")
async def test_a_clients_own_origin_may_read_oauth_answers_and_no_other_may(api, services, make_client):
    made = await make_client(**APP)
    await services.oauth.origins.refresh()
    for path in sorted(BROWSER_CLIENT_PATHS):
        asked = {"Origin": MINE, "Access-Control-Request-Method": "POST"}
        preflight = await api.options(path, headers=asked)
        assert preflight.status_code == 204, path
        assert preflight.headers["access-control-allow-origin"] == MINE
        assert preflight.headers["access-control-allow-credentials"] == "true"
        assert "content-type" in preflight.headers["access-control-allow-headers"]
        for origin in FOREIGN:
            refused = await api.options(path, headers={**asked, "Origin": origin})
            assert "access-control-allow-origin" not in refused.headers, (path, origin)
    answer = await api.post("/oauth/token", data={"grant_type": "x"}, headers={"Origin": MINE})
    assert answer.headers["access-control-allow-origin"] == MINE
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in answer.headers["vary"]
    for origin in FOREIGN:
        answer = await api.post("/oauth/token", data={"grant_type": "x"}, headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers, origin
        assert "Origin" in answer.headers["vary"]
    elsewhere = await api.get("/auth/me", headers={"Origin": MINE})
    assert "access-control-allow-origin" not in elsewhere.headers

    async with services.db.transaction() as tx:
        by = {"actor": SYSTEM, "origin": Origin(ip=None, user_agent=None, trace_id="0" * 32)}
        await services.clients.disable(tx, made.client_id, **by)
    await services.oauth.origins.refresh()
    answer = await api.post("/oauth/token", data={"grant_type": "x"}, headers={"Origin": MINE})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.attack("SES-08")
async def test_an_answer_to_one_client_is_read_by_its_own_origins_alone(api, services, make_client):
    mine = await make_client(**APP)
    other = await make_client(**{**APP, "redirect_uris": ("https://other.test/cb",), "allowed_origins": ()})
    web = {**APP, "auth_method": AuthMethod.BASIC, "redirect_uris": ("https://web.test/cb",), "allowed_origins": ()}
    await make_client(**web)
    native = ("com.example.app:/cb", "http://127.0.0.1/cb")
    await make_client(**{**APP, "redirect_uris": native, "allowed_origins": ()})
    await services.oauth.origins.refresh()

    async def may_read(origin: str, path: str, **form: str) -> bool:
        headers = {"Origin": origin}
        answer = await (api.post(path, data=form, headers=headers) if form else api.get(path, headers=headers))
        return answer.headers.get("access-control-allow-origin") == origin

    def redeeming(client_id: str) -> dict[str, str]:
        return {"grant_type": "authorization_code", "code": "x", "client_id": client_id, "code_verifier": "v" * 43}

    for path in ("/oauth/token", "/oauth/revoke"):
        assert await may_read(MINE, path, **redeeming(mine.client_id)), path
        assert not await may_read("https://other.test", path, **redeeming(mine.client_id)), path
        assert not await may_read(MINE, path, **redeeming(other.client_id)), path
        assert not await may_read(MINE, path, **redeeming("c_unknown")), path
    # Who names no origin and keeps no secret has those of its redirect URIs.
    assert await may_read("https://other.test", "/oauth/token", **redeeming(other.client_id))
    # What is alike for everybody anybody's script may read, and no cookie goes along with it.
    for path in ("/.well-known/openid-configuration", "/.well-known/jwks.json"):
        public = await api.get(path, headers={"Origin": "https://evil.test"})
        assert public.headers["access-control-allow-origin"] == "*", path
        assert "access-control-allow-credentials" not in public.headers, path
    for origin in ("https://web.test", "com.example.app:", "com.example.app://", "null"):
        assert not await may_read(origin, "/oauth/token", **redeeming(other.client_id)), origin
