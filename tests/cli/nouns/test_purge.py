import asyncio

import asyncpg

from app.foundation.dsn import driver_dsn


def statement(settings, text):
    async def run():
        connection = await asyncpg.connect(driver_dsn(settings.database.url.get_secret_value()))
        try:
            return await connection.execute(text)
        finally:
            await connection.close()

    return asyncio.run(run())


def expired(settings, *, rows):
    statement(
        settings,
        "INSERT INTO action_token_uses (jti, consumption_id, client_id, consumed_at, expires_at) "
        f"SELECT 'j' || n, 'c', 'c', now(), now() - interval '1 day' FROM generate_series(1, {rows}) n",
    )


def test_a_dry_run_says_what_would_go_and_removes_nothing(run, settings):
    expired(settings, rows=1200)
    for _ in range(2):
        told = run("purge", "--dry-run", "--json").json()
        assert told["dry_run"] is True
        assert told["removed"]["action_token_uses"] == 1200


def test_a_purge_reports_what_it_removed_of_each_table(run, settings):
    expired(settings, rows=1200)
    told = run("purge", "--json").json()
    assert told["removed"]["action_token_uses"] == 1200
    assert told["removed"]["sessions"] == 0
    assert (told["dropped"], told["postponed"]) == ([], [])
    assert run("purge").out == "nothing is past use\n"


def test_the_table_names_what_went(run, settings):
    expired(settings, rows=3)
    assert run("purge").out.split() == ["TABLE", "REMOVED", "action_token_uses", "3"]
