"""Which paths need no token, and how nobody gets through to another one that way."""

import pytest
from fastapi import FastAPI

pytestmark = pytest.mark.anyio


def bearer(token):
    return {"authorization": f"Bearer {token}"}


async def test_public_path_knows_who_came(issuer, guard):
    api = guard(public_paths=["/open", "/whoami"])
    assert (await api.get("/open", headers=bearer(issuer.mint(sub="u-1")))).json() == {"sub": "u-1"}
    assert (await api.get("/open", headers=bearer("rubbish"))).json() == {"sub": None}
    assert (await api.get("/whoami", headers=bearer("rubbish"))).json()["code"] == "invalid_token"
    assert (await api.get("/whoami")).json()["code"] == "missing_token"


@pytest.mark.parametrize(
    ("path", "raw_path", "root_path"),
    [
        ("/public", b"/public", ""),
        ("/publicity", b"/publicity", ""),
        ("/public/../open", b"/public/../open", ""),
        ("/public/..", b"/public/..", ""),
        ("/public/./x", b"/public/./x", ""),
        ("/public//open", b"/public//open", ""),
        ("//public/x", b"//public/x", ""),
        ("/public/../open", b"/public/%2e%2e/open", ""),
        ("/public/x/y", b"/public/x%2Fy", ""),
        ("/public/x\\..\\open", b"/public/x%5c..%5copen", ""),
        ("/public/%2e%2e/open", b"/public/%252e%252e/open", ""),
        ("/public/..;/open", b"/public/..;/open", ""),
        ("/public/x;y", b"/public/x;y", ""),
        ("/public/x\x00", b"/public/x%00", ""),
        ("/PUBLIC/x", b"/PUBLIC/x", ""),
        ("public/x", b"public/x", ""),
        ("/health/", b"/health/", ""),
        ("/health/../open", b"/health/../open", ""),
        ("/v1/public/x", b"/v1/public/x", ""),
        ("/public/x", b"/public/x", "/public"),
        ("/v1/open", b"/v1/open", "/v1"),
        ("/v1public/x", b"/v1public/x", "/v1"),
        ("", b"", ""),
    ],
)
async def test_path_that_could_be_read_as_another_is_not_public(guard, path, raw_path, root_path, raw):
    app = guard(public_paths=["/public/*", "/health"]).app
    status, _ = await raw(app, path=path, raw_path=raw_path, root_path=root_path)
    assert status == 401


@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        ("/public/x", ""),
        ("/public/x/y.css", ""),
        ("/public/", ""),
        ("/health", ""),
        ("/v1/public/x", "/v1"),
        ("/public/x", "/v1"),
        ("/public/..x/y...z", ""),
        ("/public/é", ""),
    ],
)
async def test_plain_public_path_is_open_wherever_it_is_mounted(guard, path, root_path, raw):
    app = guard(public_paths=["/public/*", "/health"]).app
    status, _ = await raw(app, path=path, raw_path=path.encode(), root_path=root_path)
    assert status == 404  # the application has no such route, and was asked


async def test_public_paths_of_a_mounted_application_are_its_own(issuer, guard, raw):
    outer = FastAPI()
    outer.mount("/orders", guard(public_paths=["/open"]).app)
    assert (await raw(outer, path="/orders/open", raw_path=b"/orders/open"))[0] == 200
    assert (await raw(outer, path="/orders/whoami", raw_path=b"/orders/whoami"))[0] == 401
