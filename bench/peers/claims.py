"""`python -m bench.peers.claims RESULTS FOLDER`: revocation-delay.png and checking.png, of the groups a run has."""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt

_OURS, _OTHERS, _BARE, _INK, _GRID = "#2f7d4f", "#6b7a90", "#b9c2cf", "#1c2430", "#dfe3e8"
_BINS, _PROMISED_MS = 60, 1000.0
_BESIDE = "Protected route beside other libraries"


def main(results: Path, folder: Path) -> None:
    """Draw what the run has figures for, and name it."""
    run = json.loads(results.read_text())
    made = [chart for chart in (_delay(run, folder), _checking(run, folder)) if chart is not None]
    if not made:
        raise SystemExit("neither `revocation` nor `peers` is in this run")
    print("\n".join(map(str, made)))


def _delay(run: dict[str, Any], folder: Path) -> Path | None:
    """How long it took until what was revoked was refused."""
    found = run.get("revocation")
    if not found:
        return None
    delays = found["delays_ms"]
    figure, axis = plt.subplots(figsize=(10, 3.9), layout="constrained")
    axis.hist(
        [delays, found["since_told_ms"]],
        bins=_BINS,
        range=(0, max(_PROMISED_MS * 1.05, delays[-1])),
        histtype="stepfilled",
        color=[_OURS, _OTHERS],
        alpha=0.55,
        label=["since ending the session was asked for", "since the service answered that it is ended"],
        zorder=2,
    )
    top = axis.get_ylim()[1]
    marks = {"p50": delays[len(delays) // 2], "p99": delays[int(len(delays) * 0.99)], "most": delays[-1]}
    for number, (name, value) in enumerate(marks.items()):
        axis.axvline(value, color=_OURS, linewidth=1.4, zorder=3)
        axis.text(value, top * (0.96 - 0.1 * number), f" {name} {value:,.0f} ms", fontsize=9, color=_INK)
    axis.axvline(_PROMISED_MS, color=_INK, linewidth=2.2, zorder=3)
    axis.text(_PROMISED_MS, top * 0.62, "goal for p99 ", fontsize=9, color=_INK, ha="right")
    axis.set_xlabel("milliseconds until a service first refused the token", fontsize=9)
    axis.set_ylabel("tokens at services", fontsize=9)
    axis.legend(loc="center right", fontsize=9, edgecolor=_GRID)
    _title(
        axis,
        f"Revoked → refused: {found['sessions']:,} sessions at {found['rate_reached']:.0f}/s, "
        f"{found['services']} services that follow the feed",
    )
    _sign(figure, run, f"{found['wrongly_accepted']} accepted more than a second after the answer")
    return _save(figure, folder / "revocation-delay.png")


def _checking(run: dict[str, Any], folder: Path) -> Path | None:
    """What each way of checking a token leaves of a core's requests."""
    groups = [group for group in run.get("peers", []) if group["title"] == _BESIDE]
    if not groups:
        return None
    rows = []
    for name, rounds in groups[0]["rounds"].items():
        rates = [each["requests"] / each["cpu_seconds"] for each in rounds]
        rows.append((name, statistics.median(rates), min(rates), max(rates)))
    rows.sort(key=lambda row: -row[1])
    values = [row[1] for row in rows]
    spans = [[row[1] - row[2] for row in rows], [row[3] - row[1] for row in rows]]
    figure, axis = plt.subplots(figsize=(10, 0.42 * len(rows) + 1.4), layout="constrained")
    axis.barh(range(len(rows)), values, color=[_colour(row[0]) for row in rows], height=0.66, zorder=2)
    axis.errorbar(values, range(len(rows)), xerr=spans, fmt="none", ecolor=_INK, elinewidth=0.8, alpha=0.5, zorder=3)
    farthest = max(row[3] for row in rows)
    for place, value in enumerate(values):
        axis.text(farthest * 1.03, place, f"{value:,.0f}", va="center", fontsize=9, color=_INK)
    axis.set_yticks(range(len(rows)), [row[0].replace("`", "") for row in rows], fontsize=9)
    axis.invert_yaxis()
    axis.set_xlim(0, farthest * 1.12)
    _title(axis, "Requests per CPU-second of the service, by how it checks the token")
    rounds_told = f"median of {run['rounds']} rounds of {run['seconds']:g} s, whiskers least and greatest"
    _sign(figure, run, f"{rounds_told}; green: this SDK, light: nothing is checked")
    return _save(figure, folder / "checking.png")


def _colour(name: str) -> str:
    if name.startswith("no auth"):
        return _BARE
    return _OURS if name.startswith("JWTAuthMiddleware") else _OTHERS


def _title(axis: Any, text: str) -> None:
    axis.set_title(text, loc="left", fontsize=10, fontweight="bold")
    axis.grid(axis="x", color=_GRID, zorder=0)
    axis.tick_params(axis="both", length=0, labelsize=9)
    for side in ("top", "right", "bottom", "left"):
        axis.spines[side].set_visible(False)


def _sign(figure: Any, run: dict[str, Any], said: str) -> None:
    """When and where it was measured, below the title of the whole."""
    figure.set_facecolor("white")
    short = ", a short run" if run["quick"] else ""
    figure.suptitle(f"{run['date']}{short}; {run['machine']}; {said}", fontsize=9, color=_INK)


def _save(figure: Any, chart: Path) -> Path:
    figure.savefig(chart, dpi=110, facecolor="white", metadata={"Software": None})
    return chart


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
