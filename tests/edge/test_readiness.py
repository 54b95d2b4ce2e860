"""The whole application on real engines: when it is ready, and when it is not."""

from datetime import timedelta

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.foundation.settings import RedisSettings
from app.main import create_app
from app.settings import Settings
from app.wiring import Services, build
from tests.edge.support import problem
from tests.support import ISSUER

pytestmark = pytest.mark.anyio


async def test_a_process_on_its_engines_is_ready(api: httpx2.AsyncClient):
    answer = await api.get("/health/ready")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["status"] == "ready"
    assert body["degraded"] == []
    assert set(body["checks"]) == {"database", "schema", "clock", "signing_keys", "background", "cache", "revocations"}
    assert all(check["ok"] and check["latency_ms"] < 1000 for check in body["checks"].values())


@pytest.mark.parametrize(
    ("statement", "words"),
    [("UPDATE alembic_version SET version_num = '0000'", "older"), ("DROP TABLE alembic_version", "never migrated")],
)
async def test_a_schema_that_is_too_old_makes_the_process_unready(api, services: Services, statement, words):
    async with services.db.transaction() as tx:
        await tx.execute(text(statement))
    body = problem(await api.get("/health/ready"), 503, "not_ready")
    assert body["failing"] == ["schema"]
    assert words in body["checks"]["schema"]["fault"]


async def test_a_newer_schema_is_served(api, services: Services):
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert (await api.get("/health/ready")).status_code == 200


@pytest.mark.fault("F15")
@pytest.mark.parametrize("seconds", [11, -11])
async def test_a_clock_more_than_ten_seconds_off_makes_the_process_unready(api, services: Services, seconds):
    services.clock.measured_offset = timedelta(seconds=seconds)
    assert problem(await api.get("/health/ready"), 503, "not_ready")["failing"] == ["clock"]


async def test_without_keys_to_sign_with_a_process_is_unready(settings: Settings):
    services = build(settings)
    await services.db.open()
    try:
        async with client(services) as api:
            assert "signing_keys" in problem(await api.get("/health/ready"), 503, "not_ready")["failing"]
            assert (await api.get("/health/live")).status_code == 200
    finally:
        await services.close()


async def test_without_the_cache_a_process_is_ready_and_degraded(settings: Settings, tmp_path):
    redis = RedisSettings(url=SecretStr(f"unix://{tmp_path}/nobody.sock"))
    services = build(settings.model_copy(update={"redis": redis}))
    await services.open()
    try:
        async with client(services) as api:
            answer = await api.get("/health/ready")
    finally:
        await services.close()
    assert answer.status_code == 200
    assert answer.json()["degraded"] == ["cache"]


async def test_the_application_opens_and_closes_its_own_services(settings: Settings):
    app = create_app(settings)
    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url=ISSUER) as api:
        assert (await api.get("/health/ready")).status_code == 200


def client(services: Services) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(create_app(services=services)), base_url=ISSUER)
