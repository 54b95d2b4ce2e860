"""Authorization requests that are refused: what the person at the browser sees, and what their client is told."""

import re

import httpx2
import pytest

from app.foundation.engines.lock import Engines
from app.main import create_app
from app.protocols.oauth.registration import AuthMethod
from app.settings import Environment
from app.wiring import Services, build
from tests.administrators import Administrators
from tests.conftest import settings_for
from tests.oauth.conftest import MakeClient
from tests.oauth.people_at_browsers import AUTHORIZE, CALLBACK, FROM_OUR_PAGE, Browser, asked, error_of, members
from tests.support import ISSUER, Events

pytestmark = pytest.mark.anyio

SCRIPT = '"><script>alert(1)</script>'


def page_of(answer: httpx2.Response, status: int = 400) -> str:
    """The words of a page of ours, checked to be one that nobody can frame and that leaks nothing."""
    assert answer.status_code == status, (answer.status_code, answer.headers, answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert "location" not in answer.headers
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] in {"no-referrer", "same-origin"}
    assert answer.headers["cache-control"] == "no-store"
    assert "<script>alert" not in answer.text
    return answer.text


@pytest.mark.attack("AUT-01")
@pytest.mark.attack("AUT-02")
@pytest.mark.attack("AUT-03")
@pytest.mark.attack("AUT-04")
@pytest.mark.attack("AUT-10")
@pytest.mark.attack("AUT-14")
async def test_a_request_whose_answer_has_nowhere_to_go_is_a_page_and_no_redirect(
    browser: Browser, app_id: str, events: Events
):
    wrong = [
        {"redirect_uri": uri}
        for uri in (
            CALLBACK + "/x",
            CALLBACK + "/../evil",
            CALLBACK + "?x=1",
            "https://client.example.com:8443/cb",
            "https://client.example.com@evil.test/cb",
            "https://client.example.com.evil.test/cb",
            "https://evil.test/" + SCRIPT,
            "javascript:alert(1)",
            "",
        )
    ]
    await browser.sign_in()
    for changed in (*wrong, {"redirect_uri": None}, {"client_id": "c_" + "x" * 22}, {"client_id": SCRIPT}):
        # What would be a right answer elsewhere must not tempt it to redirect: prompt=none, a wrong response type.
        for more in ({}, {"prompt": "none"}, {"response_type": "token", "state": SCRIPT}):
            page_of(await browser.go(**{"client_id": app_id, **changed, **more}))
    right = [*asked(app_id).items()]
    for twice in (("client_id", app_id), ("redirect_uri", CALLBACK), ("redirect_uri", "https://evil.test/cb")):
        page_of(await browser.http.get(AUTHORIZE, params=[*right, twice]))
    refused = await events.of("authorization.refused")
    assert len(refused) == 39
    assert {entry["details"]["check"] for entry in refused} == {
        "redirect_uri",
        "client_id",
        "client_id and redirect_uri once",
    }
    assert "evil" not in str([entry["details"] for entry in refused])


async def test_only_so_many_refusals_a_minute_leave_something_behind_and_all_are_answered_alike(
    database_url: str, engines: Engines, make_client: MakeClient
):
    made = await make_client(
        grant_types=("authorization_code",), redirect_uris=(CALLBACK,), auth_method=AuthMethod.NONE
    )
    settings = settings_for(
        database_url,
        engines,
        environment="production",
        accounts={"hide_existence": False, "require_verified_email": False},
        limits={"refused_authorizations": 3},
    )
    services = build(settings)
    await services.open()
    app = httpx2.ASGITransport(create_app(services=services), client=("203.0.113.7", 1))
    async with httpx2.AsyncClient(transport=app, base_url=ISSUER) as http:
        told = [await http.get(AUTHORIZE, params=asked(made.client_id, prompt="none")) for _ in range(6)]
        assert {error_of(answer) for answer in told} == {"login_required"}
        # The limit is a client's and an address's: another client's is its own.
        pages = [await http.get(AUTHORIZE, params=asked("c_" + "x" * 22)) for _ in range(6)]
        assert {page.status_code for page in pages} == {400}
        kept = [answer for answer in told if "(flow " in members(answer)["error_description"]]
        assert len(kept) == 3
        assert [">Flow<" in page.text for page in pages] == [True] * 3 + [False] * 3
        row = await services.db.fetchrow("SELECT count(*) AS count FROM flows")
        assert row is not None
        assert row["count"] == 6
        (flow_id,) = re.findall(r"\(flow (\S+)\)", members(kept[0])["error_description"])
        assert (await services.flows.explain(flow_id)).error == "login_required"
    await services.close()


async def test_a_developer_is_told_the_command_that_registers_the_address(browser: Browser, app_id: str):
    page = page_of(await browser.go(app_id, redirect_uri=f"{CALLBACK}/"))
    assert f"auth-service clients update {app_id} --add-redirect-uri {CALLBACK}/" in page
    quoted = page_of(await browser.go(app_id, redirect_uri=f"{CALLBACK}/?a=1;rm&b=$(x)"))
    assert "--add-redirect-uri &#39;https://" in quoted or "--add-redirect-uri" not in quoted
    for nothing in ({"redirect_uri": "javascript:alert(1)"}, {"client_id": "c_" + "x" * 22}):
        assert "--add-redirect-uri" not in page_of(await browser.go(**{"client_id": app_id, **nothing}))


@pytest.mark.attack("AUT-08")
async def test_a_client_with_two_addresses_names_one(browser: Browser, make_client: MakeClient):
    two = await make_client(
        grant_types=("authorization_code",), redirect_uris=(CALLBACK, CALLBACK + "2"), auth_method=AuthMethod.NONE
    )
    page_of(await browser.go(two.client_id, redirect_uri=None, scope=None))


@pytest.mark.attack("AUT-09")
async def test_an_unknown_client_is_answered_like_a_disabled_one(
    browser: Browser, app_id: str, services: Services, make_client: MakeClient
):
    gone = await make_client(grant_types=("authorization_code",), redirect_uris=(CALLBACK,), name="Switched Off")
    async with services.db.transaction() as tx:
        await tx.exec_driver_sql("UPDATE oauth_clients SET disabled_at = now() WHERE name = 'Switched Off'")

    async def shown(client_id: str) -> str:
        page = page_of(await browser.go(client_id))
        return re.sub(r'[0-9a-f]{32}|nonce="[^"]+"|[A-Za-z0-9_-]{22}', "…", page.replace(client_id, "…"))

    assert await shown(gone.client_id) == await shown("c_" + "x" * 22)


@pytest.mark.attack("AUT-11")
@pytest.mark.attack("AUT-12")
@pytest.mark.attack("AUT-13")
@pytest.mark.attack("AUT-15")
@pytest.mark.attack("AUT-21")
@pytest.mark.attack("AUT-22")
@pytest.mark.attack("AUT-24")
async def test_what_is_wrong_otherwise_goes_back_to_the_client_with_state_and_issuer(
    browser: Browser, app_id: str, events: Events, api: httpx2.AsyncClient, admins: Administrators
):
    await browser.sign_in()
    cases: list[tuple[str, dict[str, str | None]]] = [
        *(("unsupported_response_type", {"response_type": wanted}) for wanted in ("token", "id_token token", "x")),
        *(("invalid_request", {"response_type": wanted}) for wanted in (None, "")),
        ("invalid_request", {"code_challenge": None}),
        ("invalid_request", {"code_challenge": None, "code_challenge_method": None, "nonce": "n"}),
        *(("invalid_request", {"code_challenge_method": method}) for method in ("plain", "S512", None)),
        ("invalid_scope", {"scope": "openid admin"}),
        ("invalid_scope", {"scope": "openid orders:write"}),
        ("invalid_scope", {"scope": " ".join(f"s{n}" for n in range(200))}),
        ("invalid_target", {"audience": "billing-api"}),
        ("invalid_target", {"audience": ISSUER}),
        ("invalid_target", {"resource": "https://nobody.test"}),
        ("request_uri_not_supported", {"request_uri": "http://127.0.0.1:1/x"}),
        ("request_not_supported", {"request": "eyJhbGciOiJub25lIn0.e30."}),
        ("invalid_request", {"prompt": "none login"}),
        ("invalid_request", {"max_age": "-1"}),
        ("invalid_request", {"id_token_hint": "e30.e30.e30"}),
        ("invalid_request", {"response_mode": "web_message"}),
        ("unmet_authentication_requirements", {"claims": '{"id_token":{"acr":{"essential":true,"value":"gold"}}}'}),
    ]
    for error, changed in cases:
        answer = await browser.go(app_id, **changed)
        assert error_of(answer) == error, changed
        assert members(answer)["state"] == "af0ifjsldkj"
    refused = await events.of("authorization.refused")
    assert [entry["details"]["error"] for entry in refused] == [error for error, _ in cases]
    # The description names the flow, and whoever may read flows finds there what was expected.
    words = members(await browser.go(app_id, scope="openid admin"))["error_description"]
    (flow_id,) = re.findall(r"\(flow (\S+)\)", words)
    reader = await admins.holding("admin:flows:read")
    flow = (await api.get(f"/admin/flows/{flow_id}", headers=reader)).json()
    (failed,) = [check for check in flow["checks"] if not check["passed"]]
    assert (flow["outcome"], flow["error"], failed["name"]) == ("refused", "invalid_scope", "scope")
    assert failed["received"] == "openid admin"
    assert "af0ifjsldkj" not in str(flow)


@pytest.mark.attack("AUT-14")
async def test_a_state_that_is_a_script_is_one_in_no_answer(browser: Browser, app_id: str):
    query = await browser.go(app_id, state=SCRIPT, prompt="none")
    assert members(query)["state"] == SCRIPT
    assert "<" not in query.headers["location"]
    page = page_of(await browser.go(app_id, state=SCRIPT, prompt="none", response_mode="form_post"), 200)
    assert 'name="state" value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in page
    assert f'action="{CALLBACK}"' in page


async def test_an_answer_travels_as_it_was_asked_to(browser: Browser, app_id: str):
    assert error_of(await browser.go(app_id, prompt="none", response_mode="fragment"), mode="fragment")
    form = await browser.go(app_id, prompt="none", response_mode="form_post")
    assert "form-action 'self' https://client.example.com;" in form.headers["content-security-policy"]
    assert form.headers["referrer-policy"] == "no-referrer"
    assert f'name="iss" value="{ISSUER}"' in form.text
    assert 'name="error" value="login_required"' in form.text


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
async def test_a_form_asks_for_the_same_as_an_address(browser: Browser, app_id: str):
    fields = asked(app_id, prompt="none", claims='{"userinfo":{"email":null}}')
    # From another site: browsers send no cookie along, and so it is asked for again as an address.
    elsewhere = {"Origin": "https://client.example.com", "Sec-Fetch-Site": "cross-site"}
    answer = await browser.http.post(AUTHORIZE, data=fields, headers=elsewhere)
    assert answer.status_code == 303
    assert error_of(await browser.get(answer.headers["location"])) == "login_required"
    for content in (b"client_id=%ff", b"x=" + b"y" * 9000, b"a=b&" * 200):
        head = {"Content-Type": "application/x-www-form-urlencoded"}
        page_of(await browser.http.post(AUTHORIZE, content=content, headers=head))
    page_of(await browser.http.post(AUTHORIZE, json={}), 415)
    page_of(await browser.http.get(AUTHORIZE + "?client_id=%ff"))
    page_of(await browser.http.get(AUTHORIZE))


@pytest.mark.attack("AUT-18")
@pytest.mark.attack("AUT-19")
@pytest.mark.attack("AUT-25")
async def test_nobody_else_answers_the_question(browser: Browser, app_id: str, services: Services, events: Events):
    await browser.sign_in()
    question = await browser.get((await browser.go(app_id)).headers["location"])
    page_of(question, 200)
    fields = dict(re.findall(r'name="(flow|csrf_token)" value="([^"]+)"', question.text))
    flow_only = {"flow": fields["flow"], "decision": "allow"}
    for data, headers in (
        (flow_only, FROM_OUR_PAGE),
        ({**flow_only, "csrf_token": "x" * 48}, FROM_OUR_PAGE),
        ({**fields, "decision": "allow"}, {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}),
        ({**fields, "decision": "allow"}, {}),
    ):
        page_of(await browser.http.post("/oauth/consent", data=data, headers=headers), 403)
    assert await events.of("consent.granted") == []
    # Another browser with a session of its own cannot take the flow up, nor answer it.
    other = Browser(services)
    await other.sign_in()
    page_of(await other.get(question.url.raw_path.decode()))
    page_of(await other.get(f"{AUTHORIZE}/resume?flow={fields['flow']}"))
    await other.http.aclose()
    assert error_of(await browser.answer_question(question, decision="deny")) == "access_denied"
    (refused,) = await events.of("authorization.refused")
    assert (refused["details"]["error"], refused["details"]["check"]) == ("access_denied", "consent")
    # What was answered is answered.
    page_of(await browser.answer_question(question))


async def test_the_page_of_a_failure_says_why_to_developers_alone(browser: Browser, app_id: str, services: Services):
    page = page_of(await browser.go(app_id, redirect_uri="http://evil.test/cb"))
    assert "We can’t send you back to Parcel Lens" in page
    assert "Why did this fail?" in page
    assert "://evil.test/cb" in page
    assert "https://client.example.com/cb (" not in page
    slash = page_of(await browser.go(app_id, redirect_uri=CALLBACK + "/"))
    assert "https://client.example.com/cb (there is one / too many at the end)" in slash
    # What its client was told alone is shown to developers who ask for it.
    told = members(await browser.go(app_id, scope="openid admin"))["error_description"]
    (told_flow,) = re.findall(r"\(flow (\S+)\)", told)
    assert "openid admin" in page_of(await browser.get(f"{AUTHORIZE}?flow={told_flow}"))
    page_of(await browser.get(f"{AUTHORIZE}?flow={'x' * 22}"), 404)
    (again,) = set(re.findall(rf'href="({AUTHORIZE}\?flow=[^"]+ui_locales=de)"', page))
    german = page_of(await browser.get(again.replace("&amp;", "&")))
    assert "Parcel Lens" in german
    live = {"environment": Environment.PRODUCTION, "public_url": "https://auth.example.com"}
    production = build(services.settings.model_copy(update=live))
    await production.open()
    try:
        transport = httpx2.ASGITransport(create_app(services=production))
        async with httpx2.AsyncClient(transport=transport, base_url="https://auth.example.com") as client:
            params = asked(app_id, redirect_uri="http://evil.test/cb", state="reflected?")
            plain = page_of(await client.get(AUTHORIZE, params=params))
            page_of(await client.get(f"{AUTHORIZE}?flow={told_flow}"), 404)
    finally:
        await production.close()
    assert "We can’t send you back to Parcel Lens" in plain
    assert "Why did this fail?" not in plain
    assert "evil.test" not in plain
    assert "reflected" not in plain
