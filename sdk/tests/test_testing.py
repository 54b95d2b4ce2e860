"""The pytest plugin, in runs of pytest as a service has them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
README = Path(__file__).parents[1] / "README.md"

NO_NETWORK = """
import socket
def refuse(*_):
    raise AssertionError("the network was asked")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""

SERVICE = """
from fastapi import Depends, FastAPI, WebSocket
from auth_service_sdk import (
    Identity, JWTAuthMiddleware, require_fresh_auth, require_permission, require_role, require_scope, require_user
)

def build(audience="orders-api", url="https://auth.example.com", **options):
    app = FastAPI()
    app.add_middleware(JWTAuthMiddleware, auth_base_url=url, expected_audience=audience, **options)

    @app.get("/whoami")
    async def whoami(user: Identity = Depends(require_user)) -> Identity:
        return user

    @app.get("/admin", dependencies=[Depends(require_role("admin", "owner"))])
    async def admin(): return {}

    @app.get("/reports", dependencies=[Depends(require_scope("a", "b"))])
    async def reports(): return {}

    @app.delete("/refunds/{number}", dependencies=[Depends(require_permission("orders.refund"))])
    async def refund(number: int, reason: str): return {}

    @app.get("/fresh", dependencies=[Depends(require_fresh_auth(max_age=300)), Depends(require_role("admin"))])
    async def fresh(): return {}

    @app.get("/any")
    async def any_token(): return {}

    @app.post("/two", dependencies=[Depends(require_role("admin"))])
    @app.put("/two", dependencies=[Depends(require_role("admin"))])
    async def two(): return {}

    @app.websocket("/ws")
    async def ws(websocket: WebSocket, user: Identity = Depends(require_role("admin"))):
        await websocket.accept()
        await websocket.close()

    return app

app = build()
"""


@pytest.fixture
def run(pytester):
    """Run a test module against the service above, without a network; the outcomes are asserted."""

    def check(tests, service=SERVICE, module="service.py", imports="from service import app, build", **outcomes):
        path = pytester.path / module
        path.parent.mkdir(exist_ok=True)
        path.write_text(service)
        pytester.makeconftest(NO_NETWORK)
        pytester.makeini("[pytest]\nfilterwarnings = error\npythonpath = .\n")
        header = f"import httpx2, pytest\nfrom fastapi.testclient import TestClient\n{imports}\n"
        pytester.makepyfile(test_service=header + tests)
        result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
        result.assert_outcomes(**(outcomes or {"passed": tests.count("def test_")}))
        return result

    return check


def blocks(part):
    """The Python examples of the README, below a heading."""
    section = README.read_text().split(f"## {part}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def test_example_of_the_readme_runs_without_a_network(run):
    (service,), (test,) = blocks("In ten lines"), blocks("Testing")
    body = re.search(r"def test_.*?(?=\n\n|\Z)", test, re.DOTALL).group().splitlines()
    assert len([line for line in body if line.strip()]) - 1 == 3, "the README promises three lines"
    run(test, service=service, module="orders/main.py", imports="", passed=test.count("def test_"))


def test_plugin_imports_nothing_of_the_sdk_until_it_is_used(pytester):
    pytester.makepyfile("""
        import sys
        def test_nothing(request):
            assert request.config.pluginmanager.has_plugin("auth_service_sdk")
            heavy = {"fastapi", "starlette", "httpx2", "joserfc", "auth_service_sdk.middleware"}
            assert not heavy & set(sys.modules)
    """)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_testing_names_import_without_pytest():
    program = """
import sys
sys.modules["pytest"] = sys.modules["_pytest"] = None
import auth_service_sdk.testing as testing, sdk
assert all(getattr(testing, name) for name in testing.__all__) and sdk.JWTAuthMiddleware
"""
    subprocess.run([sys.executable, "-P", "-c", program], check=True, cwd="/")


def test_caller_is_who_the_test_says(run):
    run("""
def test_all_of_it(auth_as):
    now = __import__("time").time()
    user = TestClient(app).get("/whoami", headers=auth_as(
        roles=["clerk"], scopes=["a", "b"], permissions=["p"], sub="u-7", email="u@example.com", auth_time=now - 60,
        claims={"org_id": "org-1", "grant_id": None})).json()
    assert (user["sub"], user["kind"], user["email"]) == ("u-7", "user", "u@example.com")
    assert (user["roles"], user["scopes"], user["permissions"]) == (["clerk"], ["a", "b"], ["p"])
    assert user["auth_time"] == int(now - 60) and user["org_id"] == "org-1" and "grant_id" not in user["claims"]

def test_service(auth_as):
    user = TestClient(app).get("/whoami", headers=auth_as(sub="c_1", client_id="c_1")).json()
    assert (user["kind"], user["sid"], user["auth_time"]) == ("service", None, None)

def test_old_sign_in(auth_as):
    client = TestClient(app)
    assert client.get("/fresh", headers=auth_as(roles=["admin"])).status_code == 200
    answer = client.get("/fresh", headers=auth_as(roles=["admin"], auth_time=1_000_000_000))
    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")

@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_algorithm(auth_as, algorithm):
    assert TestClient(app).get("/any", headers=auth_as(algorithm=algorithm)).status_code == 200

def test_misspelt_argument_is_refused(auth_as):
    with pytest.raises(TypeError, match="unknown role;"):
        auth_as(role="admin")
    with pytest.raises(TypeError, match=r"roles=\\['admin'\\]"):
        auth_as(roles="admin")
""", passed=7)  # fmt: skip


def test_every_bad_token_is_refused_by_the_real_middleware(run):
    run("""
from auth_service_sdk.testing import BAD_TOKENS

WHY = {
    "expired": "not expired", "wrong_audience": "token has another-service", "wrong_issuer": "https://issuer.invalid",
    "wrong_algorithm": "HS256", "wrong_key": "signature does not fit", "revoked": "session of the token has ended",
}

@pytest.mark.parametrize("options", [{}, {"on_stale": "lenient"}], ids=str)
@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad(auth_as, name, options, caplog):
    app = build(**options)
    caplog.set_level("INFO", "auth_service_sdk")
    answer = TestClient(app).get("/admin", headers=getattr(auth_as, name)(roles=["admin"]))
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert WHY[name] in caplog.messages[-1]

@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_wrong_key(auth_as, algorithm):
    assert TestClient(app).get("/any", headers=auth_as.wrong_key(algorithm=algorithm)).status_code == 401

def test_session_that_ends_in_between(auth_as, auth_issuer):
    client, ours, others = TestClient(app), auth_as(), auth_as()
    assert client.get("/any", headers=ours).status_code == 200
    auth_issuer.end_session(ours)
    assert [client.get("/any", headers=headers).status_code for headers in (ours, others)] == [401, 200]
    with pytest.raises(ValueError, match="no session"):
        auth_issuer.end_session(auth_as(sub="c_1", client_id="c_1"))
""", passed=16)  # fmt: skip


def test_application_keeps_working_through_tests_with_and_without_the_issuer(run):
    run("""
def test_before(monkeypatch):
    # Without the fixture the middleware goes to the network, fails, and backs off.
    assert TestClient(app).get("/any", headers={"authorization": "Bearer " + TOKEN[0]}).status_code == 503

def test_with(auth_as):
    assert TestClient(app).get("/any", headers=auth_as()).status_code == 200

def test_again(auth_as):
    with TestClient(app) as client:
        assert client.get("/any", headers=auth_as()).status_code == 200

def test_after():
    assert TestClient(app).get("/any", headers={"authorization": "Bearer " + TOKEN[0]}).status_code == 503

def make_token():
    from auth_service_sdk.testing import AuthAs, Issuer
    with Issuer() as issuer:
        return AuthAs(issuer)(app=app)["Authorization"].removeprefix("Bearer ")

TOKEN = [make_token()]
import socket
def no_route(*_):
    raise OSError("no route to host")
socket.socket.connect = socket.getaddrinfo = no_route
""")


def test_application_is_found_where_a_test_keeps_it(run):
    run("""
apps = {"billing": build("billing-api", "http://auth.internal/base"), "orders": app}

def good(client, headers):
    return client.get("/any", headers=headers).status_code == 200

def test_module_variable(auth_as):
    assert good(TestClient(app), auth_as())

def test_local_variable_goes_first(auth_as):
    mine = apps["billing"]
    assert good(TestClient(mine), auth_as())

def test_client_in_a_local_variable(auth_as):
    client = TestClient(build("a"))
    assert all([good(client, auth_as(roles=[role])) for role in ("x", "y")])

@pytest.fixture
def shop():
    return TestClient(build("shop"))

def test_client_from_a_fixture(shop, auth_as):
    assert good(shop, auth_as())

def test_application_by_name(auth_as):
    assert good(TestClient(apps["billing"]), auth_as(app=apps["billing"]))
    assert good(TestClient(apps["billing"]), auth_as(app=TestClient(apps["billing"])))
    assert good(TestClient(apps["billing"]), auth_as(audience="billing-api", issuer="http://auth.internal/base"))
    assert not good(TestClient(apps["billing"]), auth_as())

def test_several_that_differ_are_told_apart_by_nobody(auth_as):
    one, two = build("one"), build("two")
    with pytest.raises(LookupError, match="several guarded applications"):
        auth_as()

def test_several_audiences(auth_as):
    many = build(["x", "y"])
    assert good(TestClient(many), auth_as()) and good(TestClient(many), auth_as(audience="y"))

class TestFixtureOfTheProject:
    @pytest.fixture
    def auth_app(self):
        return apps["billing"]

    def test_it_decides(self, auth_as):
        assert good(TestClient(apps["billing"]), auth_as())

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_asynchronous_client(auth_as, anyio_backend):
    transport = httpx2.ASGITransport(app=build("async"))
    async with httpx2.AsyncClient(transport=transport, base_url="http://orders") as client:
        assert (await client.get("/any", headers=auth_as())).status_code == 200
""", passed=9)  # fmt: skip


def test_missing_application_is_said_in_words(run):
    run("""
def test_nothing_near(auth_as):
    with pytest.raises(LookupError, match="no application with a JWTAuthMiddleware is near"):
        auth_as()

def test_not_guarded(auth_as):
    import fastapi
    with pytest.raises(LookupError, match="no JWTAuthMiddleware guards"):
        auth_as(app=fastapi.FastAPI())
""", imports="")  # fmt: skip


def test_wrapped_and_mounted_guards_are_found(run):
    run("""
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from auth_service_sdk import JWTAuthMiddleware

OPTIONS = {"auth_base_url": "https://auth.example.com", "issuer": "urn:issuer", "expected_audience": "inner"}

def test_wrapped(auth_as):
    wrapped = JWTAuthMiddleware(FastAPI(), **OPTIONS)
    assert TestClient(wrapped).get("/", headers=auth_as()).status_code == 404

def test_mounted(auth_as, assert_requires):
    outer = Starlette(routes=[Mount("/shop", build("shop")), Mount("/pay", build("pay"))])
    assert TestClient(outer).get("/shop/any", headers=auth_as(app=outer)).status_code == 200
    for part in ("shop", "pay"):
        assert_requires(f"/{part}/admin", role="admin", app=outer)

def test_both(auth_as, assert_requires):
    outer = Starlette(routes=[Mount("/in", build("inner"))], middleware=[
        Middleware(JWTAuthMiddleware, auth_base_url="https://auth.example.com", expected_audience="outer")])
    assert_requires("/in/admin", role="admin", app=outer)
""")  # fmt: skip


def test_requirement_that_holds_passes(run):
    run("""
def test_role(assert_requires):
    assert_requires("/admin", role="admin")
    assert_requires("/admin", role=["admin", "owner"])

def test_scopes(assert_requires):
    assert_requires("/reports", scope=["a", "b"])

def test_permission_of_a_route_with_parameters(assert_requires):
    assert_requires("/refunds/{number}", permission="orders.refund")
    assert_requires("/refunds/12?reason=late", permission="orders.refund", method="delete")
    assert_requires("/refunds/{number}", permission="orders.refund", params={"number": "7"})

def test_two_rules_on_one_route(assert_requires):
    assert_requires("/fresh", role="admin", caller={"auth_time": __import__("time").time() - 10})

def test_endpoint_and_route_object(assert_requires):
    route = next(route for route in app.routes if route.path == "/admin")
    assert_requires(route, role="admin")
    assert_requires(route.endpoint, role="admin")

def test_websocket(assert_requires):
    assert_requires("/ws", role="admin")
    assert_requires("/ws", role="admin", client=TestClient(app))

def test_client_with_headers_of_its_own(assert_requires, auth_as):
    with TestClient(app, headers=auth_as(roles=["admin"])) as client:
        assert_requires("/admin", role="admin", client=client)

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_inside_a_loop(assert_requires, async_assert_requires, anyio_backend):
    assert_requires("/admin", role="admin")
    await async_assert_requires("/admin", role="admin")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://orders") as client:
        await async_assert_requires("/admin", role="admin", client=client)
        with pytest.raises(AssertionError, match="expected 403, got 200"):
            await async_assert_requires("/any", role="admin", client=client)
        with pytest.raises(TypeError, match="await async_assert_requires"):
            assert_requires("/admin", role="admin", client=client)
""")


def test_requirement_that_does_not_hold_fails_with_what_came(run):
    run("""
def fails(words):
    return pytest.raises(AssertionError, match=words)

def test_no_rule(assert_requires):
    with fails("GET /any without the role admin: expected 403, got 200"):
        assert_requires("/any", role="admin")

def test_other_role(assert_requires):
    with fails("GET /admin with boss: expected neither 401 nor 403, got 403"):
        assert_requires("/admin", role="boss")
    with fails("GET /admin with boss"):
        assert_requires("/admin", role=["admin", "boss"])

def test_one_scope_of_two(assert_requires):
    with fails("GET /reports with a: expected neither"):
        assert_requires("/reports", scope="a")

def test_scope_that_is_not_wanted(assert_requires):
    with fails("without the scope c: expected 403, got 200"):
        assert_requires("/reports", scope=["a", "b", "c"])

def test_open_door(assert_requires):
    with fails("GET /any without a token: expected 401, got 200"):
        assert_requires("/any", role="admin", app=build(public_paths=["/any"]))

def test_unguarded(assert_requires):
    import fastapi
    app = fastapi.FastAPI()
    app.get("/x")(lambda: {})
    with fails("GET /x: no JWTAuthMiddleware stands before it"):
        assert_requires("/x", role="admin", app=app)

def test_what_cannot_be_meant(assert_requires):
    with pytest.raises(LookupError, match="no route '/nowhere'"):
        assert_requires("/nowhere", role="admin")
    with pytest.raises(LookupError, match="for PATCH"):
        assert_requires("/admin", role="admin", method="PATCH")
    with pytest.raises(ValueError, match="method='PUT' or 'POST'|method='POST' or 'PUT'"):
        assert_requires("/two", role="admin")
    with pytest.raises(ValueError, match="say what the route requires"):
        assert_requires("/admin")
    with pytest.raises(TypeError, match="unknown roles"):
        assert_requires("/admin", roles=["admin"])
""")
