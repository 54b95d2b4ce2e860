"""What goes wrong: deaths, races, interruptions, programs and folders that do not fit."""

import os
import signal
import time

import pytest

from app.foundation.engines.binaries import find_postgres, find_valkey
from app.foundation.engines.errors import EngineError
from app.foundation.engines.instance import Instance, running
from app.foundation.engines.lock import acquire
from app.foundation.engines.privileges import unprivileged
from app.foundation.engines.processes import Child
from tests.foundation.engines.support import (
    give_to_nobody,
    is_alive,
    needs_root,
    query,
    wait_until_gone,
)

pytestmark = pytest.mark.anyio

AS_USERS = [
    pytest.param((), id="as ourselves"),
    pytest.param(("--as-nobody",), id="as an ordinary user", marks=needs_root),
    pytest.param(("--no-namespaces",), id="as root without namespaces", marks=needs_root),
]


@pytest.mark.fault("F1")
@pytest.mark.parametrize("options", AS_USERS)
async def test_killing_the_parent_ends_both_engines_and_the_next_start_keeps_the_data(data_dir, hold, options):
    if "--as-nobody" in options:
        give_to_nobody(data_dir)
    holder = hold(data_dir, *options)
    where = holder.said()
    await query(where, "CREATE TABLE acknowledged AS SELECT 7 AS value")
    holder.process.kill()
    holder.process.wait()
    wait_until_gone(where["postgres"], where["valkey"])
    again = hold(data_dir, *options)
    assert await query(again.said(), "SELECT value FROM acknowledged") == 7
    assert again.end() == 0


@pytest.mark.fault("F1")
async def test_a_start_right_after_the_parent_was_killed_waits_for_the_orphans(data_dir, hold):
    for _ in range(3):
        holder = hold(data_dir)
        holder.said()
        holder.process.kill()
        holder.process.wait()
    with Instance(data_dir, durable=False) as instance:
        assert await query(instance.start(), "SELECT 1") == 1


@pytest.mark.fault("F1")
async def test_an_orphan_that_the_kernel_did_not_end_is_ended(data_dir, tmp_path):
    Instance(data_dir, durable=False).__enter__().stop()
    identity, folder, log = unprivileged(), data_dir / "engines", tmp_path / "orphan.log"
    server = [find_postgres(identity).postgres, "-D", folder / "postgres", "-c", "listen_addresses=", "-k", tmp_path]
    stop = ((signal.SIGKILL, 5.0),)
    postgres = Child("PostgreSQL", identity, server, log=log, stop=stop)
    valkey = Child("Valkey", identity, [find_valkey(identity), folder / "valkey" / "valkey.conf"], log=log, stop=stop)
    for engine, note in (postgres, "postgres/postmaster.pid"), (valkey, "valkey/valkey.pid"):
        engine.wait_until((folder / note).exists, timeout_seconds=10)
    with Instance(data_dir, durable=False) as instance:
        assert not postgres.is_running
        assert not valkey.is_running
        assert await query(instance.start(), "SELECT 1") == 1


@pytest.mark.fault("F5")
async def test_a_killed_postmaster_loses_nothing_that_was_acknowledged(data_dir):
    for round_ in range(5):
        instance = Instance(data_dir)
        engines = instance.start()
        if round_ == 0:
            await query(engines, "CREATE TABLE ledger (round int)")
        assert await query(engines, "SELECT count(*) FROM ledger") == round_
        await query(engines, f"INSERT INTO ledger VALUES ({round_})")
        os.kill(instance.postgres.engine.pid, signal.SIGKILL)
        instance.stop()


@pytest.mark.parametrize("options", AS_USERS)
async def test_ctrl_c_stops_everything_cleanly(data_dir, hold, options):
    if "--as-nobody" in options:
        give_to_nobody(data_dir)
    holder = hold(data_dir, *options)
    where = holder.said()
    holder.process.send_signal(signal.SIGINT)
    assert holder.said() == {"role": "interrupted"}
    assert holder.end() == 0
    assert not is_alive(where["postgres"])
    assert not is_alive(where["valkey"])
    assert "database system is shut down" in (data_dir / "engines" / "postgres.log").read_text()


async def test_ctrl_c_at_the_terminal_does_not_reach_the_engines(data_dir, hold):
    holder = hold(data_dir)
    where = holder.said()
    groups = {os.getpgid(holder.process.pid), os.getpgid(where["postgres"]), os.getpgid(where["valkey"])}
    assert len(groups) == 3
    assert holder.end() == 0


async def test_an_interrupted_first_start_leaves_nothing_that_stops_the_next(data_dir, hold):
    holder = hold(data_dir)
    deadline = time.monotonic() + 20
    while not list(data_dir.glob("engines/postgres.unfinished.*")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    holder.process.kill()
    holder.process.wait()
    with Instance(data_dir, durable=False) as instance:
        assert await query(instance.start(), "SELECT 1") == 1
    assert not list(data_dir.glob("engines/postgres.unfinished.*"))


async def test_of_many_starts_at_once_one_runs_and_the_others_attach(data_dir, hold):
    holders = [hold(data_dir, "--attach") for _ in range(5)]
    places = [holder.said() for holder in holders]
    assert all(place["role"] == "any" for place in places), places
    assert len({place["database_url"] for place in places}) == 1
    assert await query(places[0], "SELECT 1") == 1
    assert [holder.end() for holder in holders] == [0] * 5


async def test_a_start_takes_over_when_a_holder_that_published_nothing_lets_go(data_dir, hold):
    folder = data_dir / "engines"
    folder.mkdir(parents=True)
    lock = acquire(folder)
    waiting = hold(data_dir)
    assert running(data_dir) is None
    lock.release()
    assert waiting.said()["role"] == "holder"
    assert waiting.end() == 0


@needs_root
async def test_root_attaches_to_an_ordinary_users_instance_and_does_not_take_it_over(data_dir, hold):
    give_to_nobody(data_dir)
    holder = hold(data_dir, "--as-nobody")
    where = holder.said()
    assert running(data_dir).database_url == where["database_url"]
    assert holder.end() == 0


@needs_root
async def test_root_does_not_take_over_a_folder_of_an_ordinary_user(data_dir):
    (data_dir / "engines").mkdir(parents=True)
    os.chown(data_dir / "engines", 12345, 12345)
    with pytest.raises(EngineError, match="uid 12345"):
        Instance(data_dir, durable=False).start()
    assert (data_dir / "engines").stat().st_uid == 12345


@needs_root
async def test_an_ordinary_user_is_told_that_the_folder_is_roots(data_dir, hold):
    data_dir.mkdir(mode=0o700)
    assert "--data-dir" in hold(data_dir, "--as-nobody").said()["error"]


@needs_root
async def test_root_can_change_between_its_two_ways_of_being_unprivileged(data_dir, hold):
    for options in ((), ("--no-namespaces",), ()):
        holder = hold(data_dir, *options)
        where = holder.said()
        assert await query(where, "SELECT 1") == 1
        assert holder.end() == 0


@needs_root
async def test_nobody_is_told_which_folder_it_may_not_enter(data_dir, hold):
    closed = data_dir / "closed"
    closed.mkdir(parents=True)
    closed.chmod(0o700)
    error = hold(closed / "data", "--no-namespaces").said()["error"]
    assert str(closed) in error
    assert "--data-dir" in error


def failing(folder, name: str, body: str, mode: int = 0o755):
    folder.mkdir(exist_ok=True, parents=True)
    folder.chmod(0o755)
    program = folder / name
    program.write_text(body)
    program.chmod(mode)
    return program


BROKEN = [
    pytest.param("#!/bin/sh\necho \"libc.so.6: version 'GLIBC_2.99' not found\" >&2\nexit 1\n", 0o755, "GLIBC_2.99"),
    pytest.param("#!/lib/ld-musl-missing.so.1\n", 0o755, "another C library"),
    pytest.param("\x7fELF of another machine", 0o755, "cannot be run here"),
    pytest.param("#!/bin/sh\n", 0o600, "may not be executed"),
    pytest.param("#!/bin/sh\necho MySQL 5\n", 0o755, "is not PostgreSQL"),
    pytest.param("#!/bin/sh\necho 'postgres (PostgreSQL) 9.6'\n", 0o755, "at least 15"),
    pytest.param("#!/bin/sh\necho 'postgres (PostgreSQL) 18.1'\n", 0o755, "no initdb"),
]


@pytest.mark.parametrize(("body", "mode", "cause"), BROKEN)
async def test_a_postgres_that_cannot_run_is_named_with_the_two_settings_that_do_without(
    data_dir, monkeypatch, body, mode, cause
):
    program = failing(data_dir / "bin", "postgres", body, mode)
    monkeypatch.setenv("AUTH_PG_BIN", str(program.parent))
    with pytest.raises(EngineError) as told:
        Instance(data_dir, durable=False).start()
    assert cause in str(told.value)
    assert "DATABASE__URL=postgresql+asyncpg://" in str(told.value)
    assert "REDIS__URL=redis://" in str(told.value)
    assert str(told.value).count("DATABASE__URL") == 1
    assert running(data_dir) is None


async def test_a_missing_folder_of_binaries_is_named(data_dir, monkeypatch):
    monkeypatch.setenv("AUTH_PG_BIN", str(data_dir / "nowhere"))
    with pytest.raises(EngineError, match="nowhere/postgres does not exist"):
        Instance(data_dir, durable=False).start()


async def test_a_valkey_that_cannot_run_is_named_and_postgres_is_stopped_again(data_dir, monkeypatch):
    program = failing(data_dir / "bin", "valkey-server", "#!/bin/sh\nexit 3\n")
    monkeypatch.setenv("AUTH_VALKEY_BIN", str(program))
    with pytest.raises(EngineError, match=r"(?s)exit code 3.*REDIS__URL"):
        Instance(data_dir, durable=False).start()
    assert not (data_dir / "engines" / "postgres" / "postmaster.pid").exists()
    assert not (data_dir / "engines" / "sockets").exists()


async def test_a_server_that_fails_to_start_is_quoted(data_dir):
    Instance(data_dir, durable=False).__enter__().stop()
    (data_dir / "engines" / "postgres" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(EngineError, match=r"(?s)PostgreSQL does not run.*nonsense"):
        Instance(data_dir, durable=False).start()


async def test_a_data_folder_of_another_major_version_is_left_alone(data_dir):
    Instance(data_dir, durable=False).__enter__().stop()
    version = data_dir / "engines" / "postgres" / "PG_VERSION"
    version.write_text("14\n")
    with pytest.raises(EngineError, match=r"(?s)made by PostgreSQL 14.*AUTH_PG_BIN.*--reset"):
        Instance(data_dir, durable=False).start()
    assert version.read_text() == "14\n"


async def test_a_folder_that_is_no_data_folder_is_left_alone(data_dir):
    other = data_dir / "engines" / "postgres"
    other.mkdir(parents=True)
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(EngineError, match="not a PostgreSQL data folder"):
        Instance(data_dir, durable=False).start()
    assert (other / "thesis.txt").read_text() == "mine"


async def test_a_data_folder_that_cannot_be_made_is_named(data_dir):
    data_dir.write_text("a file")
    with pytest.raises(EngineError, match="--data-dir"):
        Instance(data_dir, durable=False).start()
