"""The `require_…` dependencies: who may do what, and how FastAPI describes it."""

import copy
import dataclasses
import json
import pickle
import time
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from auth_service_sdk import (
    Identity,
    JWTAuthMiddleware,
    require_fresh_auth,
    require_permission,
    require_role,
    require_scope,
    require_user,
)
from auth_service_sdk.errors import Forbidden

pytestmark = pytest.mark.anyio


async def nothing():
    return {}


async def own_rule_client(identity: Annotated[Identity, Depends(require_user)]):
    if identity.client_id != "c_reports":
        raise Forbidden("This client may not.")


async def own_rule_azp(identity: Annotated[Identity, Depends(require_user)]):
    if identity.claims.get("azp") != "c_reports":
        raise Forbidden("This party may not.")


async def own_rule_tenant(identity: Annotated[Identity, Depends(require_user)]):
    if identity.org_id != "tenant-a":
        raise Forbidden("This tenant may not.")


@pytest.mark.attack("JWT-15")
@pytest.mark.parametrize(
    ("rule", "wrong", "right"),
    [
        (own_rule_client, {"client_id": "c_other"}, {"client_id": "c_reports"}),
        (own_rule_azp, {"azp": "c_other"}, {"azp": "c_reports"}),
        (own_rule_tenant, {"org_id": "tenant-b"}, {"org_id": "tenant-a"}),
        (require_scope("reports:read"), {"scope": "orders:read"}, {"scope": "reports:read x"}),
    ],
    ids=["client_id", "azp", "tenant", "scope"],
)
async def test_valid_token_that_a_route_is_closed_to_gets_403(issuer, guard, rule, wrong, right):
    app = FastAPI()
    app.get("/", dependencies=[Depends(rule)])(nothing)
    api = guard(app)
    answer = await api.get("/", headers={"authorization": f"Bearer {issuer.mint(**wrong)}"})
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await api.get("/", headers={"authorization": f"Bearer {issuer.mint(**right)}"})).status_code == 200


@pytest.mark.parametrize(
    ("path", "claims", "code"),
    [
        ("/admin", {"roles": ["clerk"]}, "insufficient_role"),
        ("/admin", {"roles": []}, "insufficient_role"),
        ("/admin", {"roles": ...}, "insufficient_role"),
        ("/admin", {"roles": ["Admin", "administrator"]}, "insufficient_role"),
        ("/reports", {"scope": "orders:read"}, "insufficient_scope"),
        ("/reports", {"scope": "orders:read reports:readx"}, "insufficient_scope"),
        ("/reports", {"scope": ""}, "insufficient_scope"),
        ("/reports", {"scope": ...}, "insufficient_scope"),
        ("/refunds", {"permissions": ["orders.list"]}, "insufficient_permission"),
        ("/refunds", {"permissions": ...}, "insufficient_permission"),
    ],
)
async def test_caller_without_what_the_route_wants_is_refused(issuer, knock, path, claims, code):
    answer = await knock(issuer.mint(**claims), path)
    assert (answer.status_code, answer.json()["code"]) == (403, code)


@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("/admin", {"roles": ["owner"]}),
        ("/admin", {"roles": ["clerk", "admin"]}),
        ("/reports", {"scope": "reports:read orders:read"}),
        ("/refunds", {"permissions": ["orders.refund"]}),
        ("/fresh", {}),
    ],
)
async def test_caller_with_what_the_route_wants_is_served(issuer, knock, path, claims):
    assert (await knock(issuer.mint(**claims), path)).status_code == 200


@pytest.mark.spec("RFC 6750 §3.1")
async def test_challenge_names_the_missing_scope(issuer, knock):
    challenge = (await knock(issuer.mint(), "/reports")).headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="orders-api", error="insufficient_scope"')
    assert challenge.endswith('scope="orders:read reports:read"')


@pytest.mark.spec("RFC 9470 §3")
@pytest.mark.parametrize("auth_time", [..., lambda: int(time.time()) - 302])
async def test_old_sign_in_gets_a_step_up_challenge(issuer, knock, auth_time):
    value = auth_time() if callable(auth_time) else auth_time
    answer = await knock(issuer.mint(auth_time=value), "/fresh")
    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'max_age="300"' in challenge


async def test_rules_combine_on_one_route(issuer, guard):
    app = FastAPI()

    @app.get("/", dependencies=[Depends(require_role("clerk")), Depends(require_fresh_auth(max_age=60))])
    async def both(identity: Annotated[Identity, Depends(require_scope("orders:read"))]):
        return {"sub": identity.sub}

    api = guard(app)
    for changes, status in (
        ({}, 200),
        ({"roles": []}, 403),
        ({"scope": ""}, 403),
        ({"auth_time": int(time.time()) - 100}, 401),
    ):
        answer = await api.get("/", headers={"authorization": f"Bearer {issuer.mint(**changes)}"})
        assert answer.status_code == status


async def test_overriding_require_user_overrides_the_caller_of_every_rule(issuer, api):
    api.app.dependency_overrides[require_user] = lambda: Identity(sub="made up", roles=("admin",))
    headers = {"authorization": f"Bearer {issuer.mint()}"}
    assert (await api.get("/whoami", headers=headers)).json()["sub"] == "made up"
    assert (await api.get("/admin", headers=headers)).status_code == 200
    assert (await api.get("/reports", headers=headers)).status_code == 403


async def test_without_the_middleware_a_rule_says_so(issuer):
    from fastapi.testclient import TestClient

    app = FastAPI()
    app.get("/", dependencies=[Depends(require_user)])(nothing)
    with pytest.raises(RuntimeError, match="JWTAuthMiddleware is not installed"):
        TestClient(app).get("/")


async def test_rules_work_in_a_starlette_route(issuer):
    import httpx2

    async def admin(request):
        identity = await require_role("admin")(request)
        return JSONResponse({"sub": identity.sub})

    app = Starlette(routes=[Route("/", admin)])
    app.add_middleware(JWTAuthMiddleware, auth_base_url=issuer.url, expected_audience="orders-api")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://orders") as api:
        for roles, status in (["admin"], 200), (["clerk"], 403):
            token = issuer.mint(roles=roles)
            assert (await api.get("/", headers={"authorization": f"Bearer {token}"})).status_code == status


async def test_openapi_describes_bearer_security_with_scopes(api):
    document = api.app.openapi()
    scheme = document["components"]["securitySchemes"]["bearer"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    security = {path: item["get"].get("security") for path, item in document["paths"].items() if "get" in item}
    assert security == {
        "/whoami": [{"bearer": []}],
        "/admin": [{"bearer": []}],
        "/reports": [{"bearer": ["orders:read", "reports:read"]}],
        "/refunds": [{"bearer": []}],
        "/fresh": [{"bearer": []}],
    }
    assert all("parameters" not in item["get"] for item in document["paths"].values() if "get" in item)


@pytest.mark.parametrize(
    "build",
    [require_role, require_scope, require_permission]
    + [lambda rule=rule: rule("") for rule in (require_role, require_scope, require_permission)]
    + [lambda: require_scope("a b"), lambda: require_role(["admin"]), lambda: require_fresh_auth(max_age=0)],
)
def test_rule_that_says_nothing_is_refused_when_it_is_written(build):
    with pytest.raises(ValueError, match=r"name at least|at least 1"):
        build()


def test_identity_and_its_claims_cannot_be_changed():
    identity = Identity.from_claims({"sub": "u", "exp": 1, "roles": ["clerk"], "act": {"sub": "a", "x": [1]}})
    for change in (
        lambda: setattr(identity, "sub", "v"),
        lambda: identity.claims.update(sub="v"),
        lambda: identity.claims.__setitem__("sub", "v"),
        lambda: identity.claims.pop("sub"),
        lambda: identity.claims["act"].__setitem__("sub", "v"),
        lambda: identity.claims["roles"].append("admin"),
    ):
        with pytest.raises((TypeError, AttributeError)):
            change()


def test_identity_survives_copies_and_serialization():
    identity = Identity.from_claims({"sub": "u", "exp": 1, "act": {"sub": "a", "x": [{"y": 1}]}})
    assert copy.deepcopy(identity) == copy.copy(identity) == pickle.loads(pickle.dumps(identity)) == identity
    assert json.loads(json.dumps(dataclasses.asdict(identity)))["claims"]["act"] == {"sub": "a", "x": [{"y": 1}]}
