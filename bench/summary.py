"""What a run came to: every share and cost in one table, and the same as a chart."""

import json
import statistics
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.peer_environment import PeersMissing, peer_environment
from bench.processes import PROJECT, environment, python
from bench.report import plain_table, verdict
from bench.verification import GOAL_US

_MAX_SECONDS = 120
_HEAD = ("case", "against", "share of its rate", "goal", "")


def summary(results: Mapping[str, Any]) -> str:
    """One table of every ratio of a run; nothing where no group compares."""
    rows: list[tuple[str, ...]] = [
        (
            case["case"],
            case["reference"],
            f"{case['ratio']['median']:.2f}",
            "" if case["at_least"] is None else f"≥ {case['at_least']:.2f}",
            "" if case["at_least"] is None else verdict(met=case["ratio"]["median"] >= case["at_least"]),
        )
        for case in _comparisons(results)
    ]
    rows += _verifications(results)
    return plain_table("In one table", _HEAD, rows) if rows else ""


def draw(results: Path, chart: Path) -> str:
    """Draw a run's chart in the peers' environment; what became of it, in a line."""
    return _drawn("bench.peers.chart", results, chart) or f"Chart: {chart}"


def draw_claims(results: Path, folder: Path) -> str:
    """Draw how soon what is revoked is refused, and what checking costs; what became of it, in a line."""
    return _drawn("bench.peers.claims", results, folder) or f"Charts: {folder}"


def _drawn(module: str, results: Path, target: Path) -> str:
    """Why it was not, if it was not."""
    try:
        interpreter = peer_environment().python
    except PeersMissing as error:
        return f"The chart was left out: {error}"
    done = subprocess.run(
        python("-m", module, str(results), str(target), interpreter=interpreter),
        cwd=PROJECT,
        env=environment({"MPLCONFIGDIR": str(PROJECT / ".cache" / "matplotlib")}),
        capture_output=True,
        text=True,
        check=False,
        timeout=_MAX_SECONDS,
    )
    if done.returncode != 0:
        return f"The chart was left out: {(done.stderr.strip().splitlines() or ['(it said nothing)'])[-1]}"
    return ""


def write(results: Mapping[str, Any], path: Path) -> None:
    """Keep every round."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1))


def _comparisons(results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for groups in results.values():
        if isinstance(groups, list):
            for group in groups:
                yield from group["comparisons"]


def _verifications(results: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    rounds = results.get("verification", {}).get("rounds", [])
    for algorithm in rounds[0] if rounds else ():
        taken = [each[algorithm] for each in rounds]
        share = statistics.median(each["signature"] / each["verification"] for each in taken)
        added = statistics.median(each["verification"] - each["signature"] for each in taken)
        goal = f"≤ +{GOAL_US:.0f} µs"
        name = f"cold verification, {algorithm}: +{added:.0f} µs"
        yield name, "its bare signature check", f"{share:.2f}", goal, verdict(met=added <= GOAL_US)
