"""Where the OAuth2 password form is served."""

from dataclasses import replace

import httpx2
import pytest

from app.main import create_app
from tests.conftest import settings_for
from tests.support import ISSUER

pytestmark = pytest.mark.anyio


@pytest.mark.attack("TOK-12")
@pytest.mark.parametrize(("enabled", "status"), [(None, 404), (False, 404), (True, 415)])
async def test_in_production_the_form_is_there_only_when_asked_for(services, database_url, engines, enabled, status):
    production = settings_for(
        database_url,
        engines,
        environment="production",
        public_url="https://auth.example.com",
        accounts={"hide_existence": False},
        password_grant={"enabled": enabled},
    )
    app = create_app(services=replace(services, settings=production))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ISSUER) as client:
        assert (await client.post("/token", content=b"{}")).status_code == status
        document = (await client.get("/openapi.json")).json()
    assert ("/token" in document["paths"]) == ("password" in document["components"]["securitySchemes"]) == bool(enabled)
