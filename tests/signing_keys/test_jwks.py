import json

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from app.foundation.provide import install
from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.jwk import thumbprint
from app.signing_keys.routes import JWKS_PATH, jwks, router
from tests.signing_keys.support import rotate

pytestmark = pytest.mark.anyio

PUBLIC_MEMBERS = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}}


@pytest.fixture
async def keys(deployment):
    keys = await deployment.process()
    await keys.ensure(Algorithm.ES256)
    await keys.ensure(Algorithm.EDDSA)
    return keys


@pytest.fixture
async def web(keys):
    app = Starlette(routes=[Route(JWKS_PATH, jwks)])
    install(app, keys)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost:8000") as client:
        yield client


@pytest.mark.attack("KEY-03")
@pytest.mark.spec("RFC 7517 §5")
async def test_the_document_holds_public_members_alone_and_names_each_key_once(web, keys):
    await rotate(keys)
    published = (await web.get(JWKS_PATH)).json()["keys"]
    assert len(published) == 7
    assert len({key["kid"] for key in published}) == 7
    for key in published:
        assert key.keys() == {"kty", "kid", "alg", "use"} | PUBLIC_MEMBERS[key["kty"]]
        assert (key["use"], key["alg"] in {"RS256", "ES256", "EdDSA"}) == ("sig", True)
        assert key["kid"] == thumbprint(key)
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


async def test_the_key_that_signs_comes_first(web, deployment):
    first = (await web.get(JWKS_PATH)).json()["keys"][0]
    assert (await deployment.states())[first["kid"]] == "active"


async def test_others_may_keep_the_document_for_four_minutes(web, keys):
    answer = await web.get(JWKS_PATH)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=240"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.content == keys.jwks()
    assert json.loads(answer.content)


@pytest.mark.spec("RFC 9110 §13.1.2")
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_a_copy_that_is_still_right_is_not_sent_again(web, form):
    etag = (await web.get(JWKS_PATH)).headers["etag"]
    answer = await web.get(JWKS_PATH, headers={"If-None-Match": form.format(etag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert (answer.headers["etag"], answer.headers["cache-control"]) == (etag, "public, max-age=240")


async def test_a_rotation_changes_the_entity_tag(web, keys):
    etag = (await web.get(JWKS_PATH)).headers["etag"]
    await rotate(keys)
    answer = await web.get(JWKS_PATH, headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != etag


@pytest.mark.parametrize("tag", ["", '"other"', "W/", "other", "\x80"])
async def test_any_other_tag_gets_the_document(web, tag):
    answer = await web.get(JWKS_PATH, headers={"If-None-Match": tag.encode("latin-1")})
    assert answer.status_code == 200


def test_it_is_served_ahead_of_the_framework():
    assert router.hot_endpoints == {("GET", JWKS_PATH): jwks}
