"""Cold verification: what the SDK's judgement of a token adds to the bare check of its signature."""

import json

from bench.measure import Spread
from bench.processes import SERVER_CORE, Process, environment, python
from bench.report import plain_table, spread, verdict
from bench.run import Run

GOAL_US = 60.0


def measure(run: Run) -> tuple[str, dict[str, object]]:
    """A table, and the same for programs."""
    command = python("-m", "bench.cold")
    process = Process(command, core=SERVER_CORE, folder=run.folder, env=environment(), talks=True)
    try:
        rounds = [json.loads(process.ask(str(run.seconds))) for _ in range(run.rounds)]
    finally:
        process.stop()
    rows = []
    for algorithm in rounds[0]:
        taken = [each[algorithm] for each in rounds]
        signature = Spread.of([each["signature"] for each in taken])
        added = Spread.of([each["verification"] - each["signature"] for each in taken])
        sight = Spread.of([each["first_sight"] - each["signature"] for each in taken])
        cells = (spread(signature, 1), f"+{spread(added, 1)}", f"+{spread(sight, 1)}")
        rows.append((algorithm, *cells, f"≤ +{GOAL_US:.0f}", verdict(met=added.median <= GOAL_US)))
    head = (
        "algorithm",
        "bare signature check, µs",
        "verification",
        "first sight, its session asked in memory",
        "goal for verification",
        "",
    )
    return plain_table("Cold verification", head, rows), {"rounds": rounds}
