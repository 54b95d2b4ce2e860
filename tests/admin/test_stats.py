import httpx2
import pytest

from app.wiring import Services
from tests.administrators import Administrators

pytestmark = pytest.mark.anyio


async def counts(api: httpx2.AsyncClient, headers: dict[str, str]) -> dict[str, dict[str, object]]:
    answer = await api.get("/admin/stats", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["counts"]


@pytest.mark.attack("ADM-08")
async def test_stats_count_only_what_the_caller_may_list(api: httpx2.AsyncClient, admins: Administrators):
    assert await counts(api, await admins.holding("admin:stats:read")) == {}
    roles = await counts(api, await admins.holding("admin:stats:read", "admin:roles:read"))
    assert list(roles) == ["roles"]
    everything = await counts(api, await admins.all_powerful())
    assert everything["users"] == {"count": 3, "exact": True}
    assert everything["open_sessions"] == {"count": 3, "exact": True}
    assert everything["signing_keys"] == {"count": 2, "exact": True}


async def test_a_large_number_is_estimated(api: httpx2.AsyncClient, admins: Administrators, services: Services):
    headers = await admins.all_powerful()
    async with services.db.transaction() as tx:
        await tx.exec_driver_sql(
            "INSERT INTO roles (id, name, created_at) "
            "SELECT gen_random_uuid(), 'r' || n, now() FROM generate_series(1, 12000) AS n"
        )
        await tx.exec_driver_sql("ANALYZE roles")
    found = (await counts(api, headers))["roles"]
    assert found["exact"] is False
    assert 10_000 <= int(str(found["count"])) <= 14_000
