import os
import socket
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import redis.asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.foundation.engines.errors import EngineError
from app.foundation.engines.instance import AlreadyRunning, Instance, attach_or_start, reset, running
from tests.foundation.engines.support import query

pytestmark = pytest.mark.anyio


def socket_folder(engines) -> Path:
    return Path(parse_qs(urlsplit(engines.database_url).query)["host"][0])


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.lstat().st_mode & 0o777 for path in folder.iterdir()}


async def test_both_engines_answer_the_drivers_the_service_uses(instance):
    engines = instance.start()
    engine = create_async_engine(engines.database_url)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT current_database()"))).scalar() == "auth"
    await engine.dispose()
    client = redis.asyncio.from_url(engines.redis_url)
    assert await client.ping()
    await client.aclose()


async def test_data_is_kept_from_one_run_to_the_next(data_dir):
    for run in range(3):
        with Instance(data_dir, durable=False) as instance:
            if run == 0:
                await query(instance.start(), "CREATE TABLE kept AS SELECT 42 AS answer")
            assert await query(instance.start(), "SELECT answer FROM kept") == 42


async def test_the_database_is_utf8_utc_and_sorted_alike_everywhere(instance):
    engines = instance.start()
    assert await query(engines, "SHOW server_encoding") == "UTF8"
    assert await query(engines, "SHOW timezone") == "UTC"
    provider = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'auth'"
    assert await query(engines, provider) == "bC.UTF-8"
    assert await query(engines, "SHOW listen_addresses") == ""


async def test_a_durable_instance_writes_through_to_the_disk(data_dir):
    with Instance(data_dir) as instance:
        settings = {name: await query(instance.start(), f"SHOW {name}") for name in ("fsync", "synchronous_commit")}
        assert settings == {"fsync": "on", "synchronous_commit": "on"}


async def test_the_database_can_be_cloned_as_a_template_by_its_ordinary_role(instance):
    engines = instance.start()
    assert await query(engines, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    await query(engines, "CREATE DATABASE copy TEMPLATE auth")


async def test_a_database_that_an_interrupted_first_start_left_out_is_made_later(data_dir):
    with Instance(data_dir, durable=False) as instance:
        engines = instance.start()
        other = engines.database_url.replace("@/auth", "@/template1")
        await query(type(engines)(other, ""), "DROP DATABASE auth")
    with Instance(data_dir, durable=False) as instance:
        assert await query(instance.start(), "SELECT 1") == 1


async def test_nobody_else_can_read_the_data_or_reach_the_sockets(instance, data_dir):
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert modes(data_dir) == {"engines": 0o700}
    inside = modes(data_dir / "engines")
    assert inside["postgres"] == inside["valkey"] == 0o700
    assert inside["lock"] == inside["postgres.log"] == inside["valkey.log"] == 0o600
    sockets = socket_folder(instance.start())
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert modes(sockets)[".s.PGSQL.5432"] == 0o700
    assert modes(sockets)["valkey.sock"] == 0o600


async def test_stopping_leaves_no_process_socket_or_claim_behind(data_dir):
    instance = Instance(data_dir, durable=False)
    sockets = socket_folder(instance.start())
    instance.stop()
    instance.stop()
    assert not sockets.exists()
    assert not (data_dir / "engines" / "postgres" / "postmaster.pid").exists()
    assert running(data_dir) is None


async def test_a_path_too_long_for_a_socket_works(data_dir):
    with Instance(data_dir / ("long " * 15) / ("and, \"longer'" * 8), durable=False) as instance:
        assert await query(instance.start(), "SELECT 1") == 1


async def test_a_temporary_folder_too_long_for_a_socket_is_passed_over(data_dir, monkeypatch):
    deep = data_dir / ("deep" * 25)
    deep.mkdir(parents=True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with Instance(data_dir, durable=False) as instance:
        assert await query(instance.start(), "SELECT 1") == 1
        assert deep not in socket_folder(instance.start()).parents
    assert list(deep.iterdir()) == []


async def test_a_socket_folder_replaced_by_a_link_is_not_used(data_dir, tmp_path):
    Instance(data_dir, durable=False).__enter__().stop()
    target = tmp_path / "auth-target"
    target.mkdir(mode=0o700)
    link = tmp_path / "auth-link"
    link.symlink_to(target)
    (data_dir / "engines" / "sockets").write_text(str(link))
    with Instance(data_dir, durable=False) as instance:
        assert socket_folder(instance.start()) not in {link, target}
    assert link.is_symlink()
    assert list(target.iterdir()) == []


async def test_a_socket_folder_open_to_others_is_not_used(data_dir, tmp_path):
    Instance(data_dir, durable=False).__enter__().stop()
    noted = tmp_path / "auth-open"
    noted.mkdir(mode=0o700)
    noted.chmod(0o755)
    (data_dir / "engines" / "sockets").write_text(str(noted))
    with Instance(data_dir, durable=False) as instance:
        assert socket_folder(instance.start()) != noted


async def test_a_second_start_in_the_same_folder_is_told_where_the_first_runs(instance, data_dir):
    with pytest.raises(AlreadyRunning) as told:
        Instance(data_dir, durable=False).start()
    assert told.value.engines == instance.start() == running(data_dir)


async def test_a_command_attaches_to_a_running_instance_and_leaves_it_running(instance, data_dir):
    with attach_or_start(data_dir) as engines:
        assert engines == instance.start()
    assert await query(instance.start(), "SELECT 1") == 1


async def test_a_command_starts_a_stopped_instance_for_its_duration(data_dir):
    with attach_or_start(data_dir) as engines:
        assert await query(engines, "SELECT 1") == 1
        assert running(data_dir) == engines
    assert running(data_dir) is None


async def test_reset_refuses_while_the_instance_runs(instance, data_dir):
    with pytest.raises(EngineError, match="running"):
        reset(data_dir)
    assert await query(instance.start(), "SELECT 1") == 1


async def test_reset_removes_what_the_instance_made_and_nothing_else(data_dir):
    with Instance(data_dir, durable=False) as instance:
        await query(instance.start(), "CREATE TABLE gone ()")
    (data_dir / "mine.txt").write_text("kept")
    (data_dir / "engines" / "mine.txt").write_text("kept")
    reset(data_dir)
    assert sorted(path.name for path in (data_dir / "engines").iterdir()) == ["lock", "mine.txt"]
    assert (data_dir / "mine.txt").exists()
    with Instance(data_dir, durable=False) as instance:
        assert await query(instance.start(), "SELECT to_regclass('gone')") is None


async def test_reset_of_a_folder_without_an_instance_does_nothing(data_dir):
    reset(data_dir)
    assert not data_dir.exists()


async def test_an_own_server_takes_the_place_of_its_engine(data_dir):
    own = "postgresql+asyncpg://auth:secret@db.example.com/auth"
    with Instance(data_dir, durable=False, database_url=own) as instance:
        assert instance.start().database_url == own
        assert instance.postgres is None
        assert running(data_dir) == instance.start()
    assert not (data_dir / "engines" / "postgres").exists()


async def test_an_engine_that_died_is_reported_with_its_last_words(instance):
    instance.check()
    instance.valkey.stop()
    with pytest.raises(EngineError, match="Valkey does not run"):
        instance.check()


async def test_an_instance_is_not_started_from_a_thread_that_could_end_before_it(data_dir):
    failures = []

    def start():
        try:
            Instance(data_dir, durable=False).start()
        except RuntimeError as error:
            failures.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert failures == ["an instance is started from the main thread"]


async def test_a_log_that_grew_is_put_aside_at_the_next_start(data_dir):
    Instance(data_dir, durable=False).__enter__().stop()
    log = data_dir / "engines" / "postgres.log"
    log.write_text("x" * 2_000_000)
    Instance(data_dir, durable=False).__enter__().stop()
    assert log.stat().st_size < 100_000
    assert log.with_name("postgres.log.1").stat().st_size == 2_000_000


async def test_a_stranger_with_the_process_id_of_a_dead_server_does_not_stop_a_start(data_dir):
    Instance(data_dir, durable=False).__enter__().stop()
    # After a restart of a container the noted id often belongs to somebody: here, to ourselves.
    (data_dir / "engines" / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    (data_dir / "engines" / "valkey" / "valkey.pid").write_text(f"{os.getpid()}\n")
    with Instance(data_dir, durable=False) as instance:
        assert await query(instance.start(), "SELECT 1") == 1


async def test_a_socket_that_nobody_listens_on_is_no_running_instance(instance, data_dir):
    path = socket_folder(instance.start()) / "valkey.sock"
    instance.valkey.stop()
    with socket.socket(socket.AF_UNIX) as abandoned:
        path.unlink(missing_ok=True)
        abandoned.bind(str(path))
    assert running(data_dir) is None
