"""A log that cannot be written lets nothing be changed, and hinders nobody from reading."""

import httpx2
import pytest

from app.foundation.exposition import REGISTRY
from app.main import create_app
from app.wiring import build
from tests.conftest import settings_for
from tests.support import ISSUER, PASSWORD, People, bearer, problem

pytestmark = pytest.mark.anyio

ANN = {"email": "ann@example.com", "password": PASSWORD}


@pytest.fixture
async def impatient(database_url, engines):
    """The service of a deployment that waits a second for the database."""
    settings = settings_for(
        database_url, engines, database={"url": database_url, "pool_size": 8, "answer_seconds": 1.1}
    )
    services = build(settings)
    await services.open()
    transport = httpx2.ASGITransport(create_app(services=services))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
        yield client
    await services.close()


def failures():
    return REGISTRY.get_sample_value("auth_service_audit_write_failures_total")


@pytest.mark.attack("AUD-02")
async def test_while_the_log_cannot_be_written_changes_fail_closed_reads_go_on_and_an_alarm_rises(
    impatient, connection
):
    api = impatient
    people = People(api)
    tokens = await people.signed_in()
    me = bearer(tokens)
    state = """
        SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM sessions WHERE ended_at IS NULL),
          (SELECT count(*) FROM refresh_tokens WHERE rotated_at IS NULL), (SELECT max(name) FROM users)"""
    before, rung = await connection.fetchrow(state), failures()
    async with connection.transaction():
        await connection.execute("LOCK TABLE audit_entries IN SHARE ROW EXCLUSIVE MODE")
        changes = {
            "sign up": ("POST", "/auth/signup", {"json": {"email": "bob@example.com", "password": PASSWORD}}),
            "sign in": ("POST", "/auth/login", {"json": ANN}),
            "refused sign in": ("POST", "/auth/login", {"json": ANN | {"password": "wrong"}}),
            "refresh": ("POST", "/auth/refresh", {"json": {"refresh_token": tokens["refresh_token"]}}),
            "change of name": ("PATCH", "/auth/me", {"json": {"name": "Other"}, "headers": me}),
            "sign out": ("POST", "/auth/logout", {"headers": me}),
        }
        for name, (method, path, options) in changes.items():
            answer = await api.request(method, path, **options)
            assert answer.headers.get("retry-after"), (name, answer.text)
            problem(answer, 503, "database_unavailable")
        for path in ("/auth/validate", "/auth/me", "/auth/sessions", "/auth/me/sign-ins", "/.well-known/jwks.json"):
            assert (await api.get(path, headers=me)).status_code == 200, path
        assert (await api.get("/health/ready")).status_code == 200
    assert await connection.fetchrow(state) == before
    # One that changes what another has just left behind may wait for that instead.
    assert failures() - rung >= len(changes) - 2
    for method, path, options in (changes["change of name"], changes["refresh"], changes["sign in"]):
        assert (await api.request(method, path, **options)).status_code == 200
    assert (await api.post("/auth/logout", headers=me)).status_code == 204
