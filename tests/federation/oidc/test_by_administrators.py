"""The connector behind the admin API: connections are checked when they are made, and tried when somebody asks."""

from typing import Any

import httpx2
import pytest

from app.audiences.own import ADMIN_SCOPES
from app.settings import Settings
from tests.administrators import Administrators
from tests.conftest import settings_for
from tests.federation.oidc.provider import Provider
from tests.support import problem

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(database_url: str, engines: Any, provider: Provider) -> Settings:
    """The settings declare one connection, to a host that HTTP__ALLOW_PRIVATE does not name."""
    config = {"issuer": provider.issuer, "client_id": provider.client_id}
    declared = [{"id": "declared", "name": "Declared", "config": config, "secret": provider.client_secret}]
    return settings_for(database_url, engines, identity_providers={"declared": declared})


async def test_a_connection_is_tried_and_what_is_wrong_with_it_is_told(
    api: httpx2.AsyncClient, admins: Administrators, provider: Provider
):
    headers = await admins.holding(*ADMIN_SCOPES)
    whole = await api.post("/admin/identity-providers/declared/test", headers=headers)
    assert whole.status_code == 200, whole.text
    assert {check["name"] for check in whole.json()["checks"] if not check["passed"]} == set()
    body = {"id": "made", "name": "Made", "kind": "oidc", "config": {"issuer": provider.issuer, "client_id": "rp"}}
    made = await api.post("/admin/identity-providers", headers=headers | {"Idempotency-Key": "2"}, json=body)
    assert made.status_code == 201, made.text
    tried = await api.post("/admin/identity-providers/made/test", headers=headers)
    failed = {check["name"]: check["received"] for check in tried.json()["checks"] if not check["passed"]}
    assert "name its host in HTTP__ALLOW_PRIVATE" in failed["discovery"]


async def test_a_configuration_that_the_connector_refuses_is_not_kept(api: httpx2.AsyncClient, admins: Administrators):
    headers = await admins.holding(*ADMIN_SCOPES) | {"Idempotency-Key": "1"}
    body = {"id": "made", "name": "Made", "kind": "oidc", "preset": "keycloak", "config": {"client_id": "rp"}}
    refused = await api.post("/admin/identity-providers", headers=headers, json=body)
    found = problem(refused, 422, refused.json()["code"])
    assert found["errors"][0]["pointer"] == "/config/realm_url"
