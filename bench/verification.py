"""The algorithms: what signing a token costs, and what the SDK's judgement of one adds to the bare check."""

import json

from bench.measure import Spread
from bench.processes import SERVER_CORE, Process, environment, python
from bench.report import plain_table, spread, verdict
from bench.run import Run

GOAL_US = 60.0
_VERIFYING = (
    "algorithm",
    "bare signature check, µs",
    "verification",
    "first sight, its session asked in memory",
    "goal for verification",
    "",
)


def measure(run: Run) -> tuple[str, dict[str, object]]:
    """A table, and the same for programs."""
    command = python("-m", "bench.cold")
    process = Process(command, core=SERVER_CORE, folder=run.folder, env=environment(), talks=True)
    try:
        rounds = [json.loads(process.ask(str(run.seconds))) for _ in range(run.rounds)]
    finally:
        process.stop()
    verifying, signing = [], []
    for algorithm in rounds[0]:
        taken = [each[algorithm] for each in rounds]
        signature = Spread.of([each["signature"] for each in taken])
        added = Spread.of([each["verification"] - each["signature"] for each in taken])
        sight = Spread.of([each["first_sight"] - each["signature"] for each in taken])
        cells = (spread(signature, 1), f"+{spread(added, 1)}", f"+{spread(sight, 1)}")
        verifying.append((algorithm, *cells, f"≤ +{GOAL_US:.0f}", verdict(met=added.median <= GOAL_US)))
        bare = Spread.of([each["bare_signing"] for each in taken])
        whole = Spread.of([each["signing"] - each["bare_signing"] for each in taken])
        signing.append((algorithm, spread(bare, 1), f"+{spread(whole, 1)}"))
    tables = (
        plain_table("Cold verification", _VERIFYING, verifying),
        plain_table("Signing", ("algorithm", "bare signature, µs", "the whole token"), signing),
    )
    return "\n".join(tables), {"rounds": rounds}
