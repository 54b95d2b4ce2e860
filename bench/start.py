"""Starting, and lying idle."""

import time
from pathlib import Path

from bench.measure import HTTPCase, Spread, post_request
from bench.processes import SERVER_CORE, BenchError, cpu_seconds, memory_mib, python, running
from bench.report import plain_table, spread, verdict
from bench.run import Run
from bench.service import Service, free_port, login_body, service

START_GOAL_SECONDS, MEMORY_GOAL_MIB = 2.0, 150.0
_STARTS = 5
_MOST_TAKEN_PORTS = 5
_BURST_SECONDS = 3.0
_EMAIL = "idle@example.com"


def measure(run: Run) -> tuple[str, dict[str, object]]:
    """A table, and the same for programs."""
    folder = run.folder / "development"
    first, _ = _start(folder, run.folder)
    starts = [_start(folder, run.folder) for _ in range(1 if run.quick else _STARTS)]
    again, cpu = (Spread.of(values) for values in zip(*starts, strict=True))
    with service(run.backend, core=SERVER_CORE) as auth:
        idle, idle_share = memory_mib(auth.pid)
        _burst(run, auth)
        used, used_share = memory_mib(auth.pid)
    rows = [
        ("first start of `dev`: engines, schema, keys, demo data", f"{first:.2f} s", "", ""),
        (
            "`dev` from an existing data folder",
            f"{spread(again, 2)} s",
            f"< {START_GOAL_SECONDS:.0f} s",
            verdict(met=again.median < START_GOAL_SECONDS),
        ),
        ("CPU time of the whole process tree until then", f"{spread(cpu, 2)} s", "", ""),
        (
            "memory of an idle web process, resident",
            f"{idle:.0f} MiB",
            f"< {MEMORY_GOAL_MIB:.0f} MB",
            verdict(met=idle * 1.048576 < MEMORY_GOAL_MIB),
        ),
        ("the same, pages shared with others divided", f"{idle_share:.0f} MiB", "", ""),
        ("resident after a burst of logins", f"{used:.0f} MiB ({used_share:.0f})", "", ""),
    ]
    found = {
        "first_start_seconds": first,
        "starts": starts,
        "idle_rss_mib": idle,
        "idle_pss_mib": idle_share,
        "used_rss_mib": used,
    }
    return plain_table("Start and memory", ("what", "measured", "goal", ""), rows), found


def _start(data: Path, folder: Path) -> tuple[float, float]:
    """Seconds until `dev` says that it is ready, on whatever cores there are, by the clock and of CPU.

    It is stopped again. A port that somebody else took meanwhile is no fault of ours: then it is started on others.
    """
    for _ in range(_MOST_TAKEN_PORTS):
        try:
            return _start_on(free_port(3), data, folder)
        except BenchError as error:
            if "Address already in use" not in str(error):
                raise
    raise BenchError("`dev` found its ports taken every time")


def _start_on(port: int, data: Path, folder: Path) -> tuple[float, float]:
    command = python("-m", "app.cli", "dev", "--data-dir", str(data), "--port", str(port))
    started = time.perf_counter()
    with running(command, core=None, folder=folder, talks=True) as process:
        while not (line := process.read_line()).startswith("ready:"):
            if time.perf_counter() - started > 120:
                raise BenchError(f"`dev` is not ready: {line}")
        return time.perf_counter() - started, cpu_seconds(process.pid)


def _burst(run: Run, auth: Service) -> None:
    auth.sign_up(_EMAIL)
    run.load.define("burst", "rotation", requests=[post_request("/auth/login", login_body(_EMAIL, algorithm="ES256"))])
    HTTPCase(name="burst", load=run.load, traffic="burst", pid=auth.pid, port=auth.port).shoot(
        min(_BURST_SECONDS, run.seconds)
    )
