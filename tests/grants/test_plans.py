"""The hot statements that spend touch the rows of their own tokens and codes, however many people are signed in."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from app.audit.service import EntryValues
from app.foundation.dsn import driver_dsn
from app.grants.redeem_statements import REDEEM_MANY
from app.grants.rotate_statements import ROTATE, ROTATE_MANY
from app.settings import Settings
from tests.support import People

pytestmark = pytest.mark.anyio

READ = """
    SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_xact_user_tables
    WHERE relname IN ('grants', 'sessions', 'users') OR relname LIKE 'refresh_tokens%' OR relname LIKE '%_codes'"""


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_an_unknown_refresh_token_reads_nobodys_session(people: People, settings: Settings, mode: str) -> None:
    await people.sign_up()
    for _ in range(5):
        await people.log_in()
    connection = await asyncpg.connect(
        driver_dsn(settings.database.url.get_secret_value()), server_settings={"plan_cache_mode": mode}
    )
    now = datetime.now(UTC)
    entry = EntryValues(uuid4(), now, "token.refreshed", "success", "user", None, None, None, None, "0" * 32, "{}")
    token = (uuid4(), b"hash", "first-party", None, b"salt", "key", uuid4(), b"hash", now, timedelta(days=1))
    try:
        async with connection.transaction():
            before = await connection.fetchval(READ)
            assert await connection.fetchrow(ROTATE, *token, *entry) is None
            unknown = {"secret_hash": "00", "code_hash": "00", "asking": "first-party", "may_refresh": True}
            asked = json.dumps([{"token_id": str(uuid4()), **unknown} for _ in range(3)])
            assert await connection.fetch(ROTATE_MANY, asked, now, timedelta(days=1)) == []
            assert await connection.fetch(REDEEM_MANY, asked, now, timedelta(days=1), timedelta(days=1)) == []
            assert await connection.fetchval(READ) == before
    finally:
        await connection.close()
