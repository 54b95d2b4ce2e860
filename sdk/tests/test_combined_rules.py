"""Rules that are joined by `&` and `|`."""

import time

import pytest
from fastapi import Depends, FastAPI

from auth_service_sdk import (
    Identity,
    JWTAuthMiddleware,
    require_acr,
    require_action_token,
    require_fresh_auth,
    require_permission,
    require_role,
    require_scope,
    require_user,
)
from auth_service_sdk.route_table import table
from auth_service_sdk.testing.assertions import AssertRequires

pytestmark = pytest.mark.anyio

ADMIN, WRITE, READ = require_role("admin"), require_scope("orders:write"), require_scope("orders:read")
REFUND, FRESH, STRONG = require_permission("orders.refund"), require_fresh_auth(300), require_acr("aal2")


async def nothing():
    return {}


def app_with(rule):
    app = FastAPI()
    app.get("/", dependencies=[Depends(rule)])(nothing)
    return app


async def asked(issuer, guard, rule, **claims):
    api = guard(app_with(rule))
    return await api.get("/", headers={"authorization": f"Bearer {issuer.mint(**claims)}"})


LONG_AGO = int(time.time()) - 1000


@pytest.mark.parametrize(
    ("rule", "claims", "status"),
    [
        (ADMIN | WRITE, {"roles": ["admin"], "scope": ""}, 200),
        (ADMIN | WRITE, {"roles": [], "scope": "orders:write"}, 200),
        (ADMIN | WRITE, {"roles": ["clerk"], "scope": "orders:read"}, 403),
        (ADMIN & WRITE, {"roles": ["admin"], "scope": "orders:write"}, 200),
        (ADMIN & WRITE, {"roles": ["admin"], "scope": ""}, 403),
        (ADMIN & WRITE, {"roles": [], "scope": "orders:write"}, 403),
        (ADMIN | WRITE & REFUND, {"roles": ["admin"]}, 200),
        (ADMIN | WRITE & REFUND, {"scope": "orders:write", "permissions": ["orders.refund"]}, 200),
        (ADMIN | WRITE & REFUND, {"scope": "orders:write"}, 403),
        ((ADMIN | WRITE) & REFUND, {"roles": ["admin"]}, 403),
        ((ADMIN | WRITE) & REFUND, {"roles": ["admin"], "permissions": ["orders.refund"]}, 200),
        (WRITE & FRESH, {"scope": "orders:write", "auth_time": LONG_AGO}, 401),
        (WRITE & FRESH, {"scope": "", "auth_time": LONG_AGO}, 403),
        (ADMIN | FRESH, {"roles": ["admin"], "auth_time": LONG_AGO}, 200),
        (ADMIN | FRESH, {"roles": [], "auth_time": LONG_AGO}, 401),
        (ADMIN | FRESH, {"roles": []}, 200),
    ],
)
async def test_a_combination_serves_whom_it_says(issuer, guard, rule, claims, status):
    assert (await asked(issuer, guard, rule, **claims)).status_code == status


async def test_a_refusal_names_every_way_that_would_have_been_open(issuer, guard):
    answer = await asked(issuer, guard, ADMIN | WRITE, roles=[], scope="")
    body = answer.json()
    assert (body["status"], body["code"]) == (403, "forbidden")
    assert body["detail"].startswith("This needs the role admin, or the scope orders:write.")
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="orders:write"' in challenge


async def test_a_refusal_names_all_that_is_missing_and_nothing_that_is_held(issuer, guard):
    answer = await asked(issuer, guard, ADMIN & WRITE & REFUND, roles=["admin"], scope="", permissions=[])
    detail = answer.json()["detail"]
    assert detail.startswith("This needs the scope orders:write and the permission orders.refund.")
    alike = await asked(issuer, guard, WRITE & READ, scope="")
    assert alike.json()["code"] == "insufficient_scope"
    assert 'scope="orders:write orders:read"' in alike.headers["www-authenticate"]


@pytest.mark.spec("RFC 9470 §3")
async def test_one_challenge_asks_for_a_sign_in_that_is_both_fresh_and_strong(issuer, guard):
    answer = await asked(issuer, guard, FRESH & STRONG, auth_time=LONG_AGO, acr="aal1")
    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    assert 'max_age="300"' in answer.headers["www-authenticate"]
    assert 'acr_values="aal2"' in answer.headers["www-authenticate"]


async def test_where_another_proof_would_open_one_way_that_is_what_is_asked_for(issuer, guard):
    answer = await asked(issuer, guard, ADMIN | FRESH, roles=[], auth_time=LONG_AGO)
    assert answer.json()["detail"].startswith("This needs the role admin, or a sign-in of the last 300 seconds.")
    assert 'max_age="300"' in answer.headers["www-authenticate"]
    assert "the role admin, or a sign-in" in answer.headers["www-authenticate"]


class Tokens:
    """Stands where the middleware leaves its checker of action tokens, and counts."""

    def __init__(self, refusal=None):
        self.spent, self.refusal = [], refusal

    async def spend(self, _connection, _identity, action):
        self.spent.append(action)
        if self.refusal is not None:
            raise self.refusal


class Connection:
    def __init__(self, tokens, identity):
        self.scope = {"state": {"user": identity}, "auth_service_sdk.action_tokens": tokens}


ACT = require_action_token("orders.refund")


@pytest.mark.parametrize(
    ("rule", "roles", "spent", "served"),
    [
        (ACT & ADMIN, (), 0, False),
        (ACT & ADMIN, ("admin",), 1, True),
        (ADMIN & ACT, ("admin",), 1, True),
        (ACT | ADMIN, ("admin",), 0, True),
        (ACT | ADMIN, (), 1, True),
        ((ACT | ADMIN) & WRITE, (), 0, False),
    ],
)
async def test_an_action_token_is_spent_last_and_only_where_it_decides(rule, roles, spent, served):
    from auth_service_sdk.action_tokens import GUARD_KEY
    from auth_service_sdk.errors import Refusal

    tokens = Tokens()
    connection = Connection(tokens, Identity(sub="u", roles=roles))
    connection.scope[GUARD_KEY] = tokens
    try:
        await rule(connection)
    except Refusal:
        assert not served
    else:
        assert served
    assert len(tokens.spent) == spent


async def test_what_cannot_be_told_now_is_not_refused_for_good():
    from auth_service_sdk.action_tokens import GUARD_KEY
    from auth_service_sdk.errors import ActionTokenRequired, ActionTokenStateUnknown

    for refusal, wanted in ((ActionTokenStateUnknown("away"), 503), (ActionTokenRequired("orders.refund"), 403)):
        tokens = Tokens(refusal)
        connection = Connection(tokens, Identity(sub="u"))
        connection.scope[GUARD_KEY] = tokens
        with pytest.raises(type(refusal)) as refused:
            await (ACT | ADMIN)(connection)
        assert refused.value.status == wanted
    words = "This needs the role admin, or an action token for orders.refund, in the header X-Action-Token."
    assert refused.value.description == words


def test_openapi_lists_the_scopes_that_every_way_needs():
    app = FastAPI()
    rules = {"/both": WRITE & READ, "/either": ADMIN | WRITE, "/shared": WRITE & READ | WRITE & ADMIN}
    for path, rule in rules.items():
        app.get(path, dependencies=[Depends(rule)])(nothing)
    paths = app.openapi()["paths"]
    told = {path: paths[path]["get"]["security"] for path in rules}
    assert told == {
        "/both": [{"bearer": ["orders:write", "orders:read"]}],
        "/either": [{"bearer": []}],
        "/shared": [{"bearer": ["orders:write"]}],
    }


def test_overriding_the_caller_overrides_it_for_combined_rules():
    from fastapi.testclient import TestClient

    app = app_with(ADMIN | WRITE)
    app.dependency_overrides[require_user] = lambda: Identity(sub="u", scopes=("orders:write",))
    with TestClient(app) as client:
        assert client.get("/").status_code == 200


def test_the_route_table_shows_a_rule_as_it_was_written(guard):
    (row,) = [row for row in table(app_with((ADMIN | WRITE) & FRESH | REFUND)) if row.path == "/"]
    written = "(require_role('admin') | require_scope('orders:write')) & require_fresh_auth(max_age=300)"
    assert row.rules == (f"{written} | require_permission('orders.refund')",)


@pytest.mark.parametrize("other", [require_user, nothing, "admin", None])
def test_only_rules_of_the_sdk_combine(other):
    with pytest.raises(TypeError):
        ADMIN & other
    with pytest.raises(TypeError):
        ADMIN | other


def guarded(rule):
    app = app_with(rule)
    app.add_middleware(JWTAuthMiddleware, auth_base_url="https://auth.example.com", expected_audience="orders-api")
    return app


WAYS = [{"role": "admin"}, {"scope": "orders:write", "permission": "orders.refund"}]


def test_assert_requires_understands_several_ways(assert_requires: AssertRequires):
    app = guarded(ADMIN | WRITE & REFUND)
    assert_requires("/", any_of=WAYS, app=app)
    assert_requires("/", any_of=[{"role": ["admin", "owner"]}], app=guarded(require_role("admin", "owner")))
    assert_requires("/", scope="orders:read", any_of=WAYS, app=guarded(READ & (ADMIN | WRITE & REFUND)))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ADMIN, "with orders:write and orders.refund"),
        (ADMIN | WRITE, "without the permission orders.refund"),
        (require_role("clerk") | WRITE & REFUND, "with admin"),
        (require_fresh_auth(300), "without admin, or orders:write and orders.refund"),
    ],
)
def test_assert_requires_notices_a_way_that_is_closed_or_too_wide(assert_requires: AssertRequires, rule, words):
    with pytest.raises(AssertionError, match=words):
        assert_requires("/", any_of=WAYS, app=guarded(rule))


@pytest.mark.parametrize("ways", [[{}], [{"role": "admin"}, {}]])
def test_an_empty_way_is_refused(assert_requires: AssertRequires, ways):
    with pytest.raises(ValueError, match="say what"):
        assert_requires("/", any_of=ways, app=guarded(ADMIN))
