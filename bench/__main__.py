"""`python -m bench [--quick] [GROUP …]`."""

import argparse
import os
import platform
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bench import (
    client_credentials,
    crowd,
    enumeration,
    foreign_issuer,
    introspection,
    login,
    openid_provider,
    peer_routes,
    pools,
    refresh,
    revocation_delay,
    routes,
    spraying,
    start,
    statements,
    verification,
)
from bench.measure import CONNECTIONS, Load
from bench.processes import LOAD_CORE, PROJECT, BenchError, pin
from bench.report import table
from bench.run import Run
from bench.service import backend
from bench.summary import draw, draw_claims, summary, write

COMPARED = {
    "routes": routes,
    "peers": peer_routes,
    "login": login,
    "refresh": refresh,
    "clients": client_credentials,
    "introspection": introspection,
    "keycloak": foreign_issuer,
    "provider": openid_provider,
}
OTHERS = {
    "verification": verification,
    "statements": statements,
    "crowd": crowd,
    "pools": pools,
    "start": start,
    "enumeration": enumeration,
    "spraying": spraying,
    "revocation": revocation_delay,
}
NAMES = [*COMPARED, *OTHERS]
_ROUNDS, _SECONDS = 5, 5.0
_MOST_SECONDS = 45 * 60
_QUICK_ROUNDS, _QUICK_SECONDS = 2, 0.5


def main() -> int:
    """Take the figures, print them, write them down. The exit status is 1 only when one could not be taken."""
    options = _options()
    if sys.platform != "linux" or (os.cpu_count() or 1) < 2:
        print("The bench needs Linux and two cores: one for what is measured, one for the load.", file=sys.stderr)
        return 1
    results: dict[str, object] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": _machine(),
        "quick": options.quick,
        "rounds": options.rounds,
        "seconds": options.seconds,
    }
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _give_up)
    signal.alarm(_MOST_SECONDS)
    pin(LOAD_CORE)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, backend(Path(name)) as engines:
        load = Load(Path(name))
        try:
            run = Run(Path(name), engines, load, options.rounds, options.seconds, options.quick)
            print(_headline(run), flush=True)
            failed = [group for group in options.groups if not _try(group, run, results)]
        finally:
            load.stop()
            write(results, options.json)
    print(summary(results))
    print(f"Every round: {options.json}")
    print(draw(options.json.resolve(), options.chart.resolve()))
    if options.charts is not None:
        print(draw_claims(options.json.resolve(), options.charts.resolve()))
    return 1 if failed else 0


def _try(name: str, run: Run, results: dict[str, object]) -> bool:
    """Measure a group; one that cannot be measured says so, and the others are measured all the same."""
    try:
        results[name] = _measure(name, run)
    except BenchError as error:
        print(f"error: {name}: {error}", file=sys.stderr, flush=True)
        return False
    return True


def _measure(name: str, run: Run) -> object:
    if name in OTHERS:
        text, found = OTHERS[name].measure(run)
        print(text, flush=True)
        return found
    groups = COMPARED[name].measure(run)
    for group in groups:
        print(table(group), flush=True)
    return [group.as_json() for group in groups]


def _give_up(number: int, _: FrameType | None) -> NoReturn:
    """Leave by way of every `finally`, so that nothing of ours stays behind."""
    raise SystemExit(f"ended by {signal.Signals(number).name}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Every benchmark as ratios of one run.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(NAMES)}; all, if none is named")
    parser.add_argument("--quick", action="store_true", help="short rounds: can everything be measured?")
    parser.add_argument("--rounds", type=int, help=f"rounds of each case ({_ROUNDS})")
    parser.add_argument("--seconds", type=float, help=f"length of a round ({_SECONDS:g})")
    parser.add_argument("--json", type=Path, default=PROJECT / ".cache" / "bench.json", help="where the rounds go")
    parser.add_argument("--chart", type=Path, default=PROJECT / ".cache" / "bench.png", help="where the chart goes")
    parser.add_argument("--charts", type=Path, help="a folder for the charts of `revocation` and of `peers` as well")
    options = parser.parse_args()
    unknown = set(options.groups) - set(NAMES)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    options.groups = options.groups or NAMES
    options.rounds = options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS)
    options.seconds = options.seconds or (_QUICK_SECONDS if options.quick else _SECONDS)
    return options


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _headline(run: Run) -> str:
    return (
        f"{_machine()}; {CONNECTIONS} connections; the median of {run.rounds} rounds of {run.seconds:g} s, "
        "least and greatest in brackets\n"
    )


if __name__ == "__main__":
    sys.exit(main())
