"""`python -m bench.peers.chart RESULTS CHART`: a run's shares as bars, with a mark where each goal lies."""

import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt

_MET, _MISSED, _NEUTRAL, _GOAL = "#2f7d4f", "#c0612b", "#6b7a90", "#1c2430"
_TITLES = {
    "Protected route": "Protected route: share of the unprotected one's rate",
    "Protected route beside other libraries": "Beside other libraries: share of the unprotected route's rate",
    "Password login": "Password login: share of bare Argon2id's rate",
    "Refresh with rotation, and two more of the hot endpoints": "Refresh: share of its bare SQL's rate",
}


@dataclass(frozen=True)
class Bar:
    """One bar; `low` and `high` are the least and the greatest round."""

    name: str
    value: float
    low: float
    high: float
    goal: float | None = None
    at_most: bool = False

    @property
    def colour(self) -> str:
        """Whether the goal was met, where there is one."""
        if self.goal is None:
            return _NEUTRAL
        return _MET if (self.value <= self.goal if self.at_most else self.value >= self.goal) else _MISSED


def main(results: Path, chart: Path) -> None:
    """Draw every panel that the run has figures for."""
    run = json.loads(results.read_text())
    panels = [*_shares(run), *_algorithms(run)]
    if not panels:
        raise SystemExit("nothing in this run can be drawn")
    heights = [len(bars) + 1.6 for _, bars in panels]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(10, 0.36 * sum(heights)), height_ratios=heights, squeeze=False, layout="constrained"
    )
    figure.set_facecolor("white")
    for axis, (title, bars) in zip(axes[:, 0], panels, strict=True):
        _draw(axis, title, bars)
    figure.suptitle(
        f"{run['machine']}; median of {run['rounds']} rounds of {run['seconds']:g} s, whiskers least and greatest\n"
        "green: goal met, orange: missed, grey: no goal, black mark: the goal",
        fontsize=9,
        color=_GOAL,
    )
    figure.savefig(chart, dpi=110, facecolor="white", metadata={"Software": None})


def _shares(run: dict[str, Any]) -> list[tuple[str, list[Bar]]]:
    groups = [group for value in run.values() if isinstance(value, list) for group in value]
    return [
        (
            _TITLES.get(group["title"], group["title"]),
            [
                Bar(
                    case["case"], case["ratio"]["median"], case["ratio"]["low"], case["ratio"]["high"], case["at_least"]
                )
                for case in group["comparisons"]
            ],
        )
        for group in groups
        if group["comparisons"]
    ]


def _algorithms(run: dict[str, Any]) -> list[tuple[str, list[Bar]]]:
    rounds = run.get("verification", {}).get("rounds", [])
    if not rounds:
        return []
    adding, signing = [], []
    for algorithm in rounds[0]:
        added = [each[algorithm]["verification"] - each[algorithm]["signature"] for each in rounds]
        adding.append(Bar(algorithm, statistics.median(added), min(added), max(added), goal=60.0, at_most=True))
        signed = [each[algorithm]["signing"] for each in rounds]
        signing.append(Bar(algorithm, statistics.median(signed), min(signed), max(signed)))
    return [
        ("Cold verification: µs beyond the bare signature check", adding),
        ("Signing a token: µs", signing),
    ]


def _draw(axis: Any, title: str, bars: list[Bar]) -> None:
    places = range(len(bars))
    spans = [[bar.value - bar.low for bar in bars], [bar.high - bar.value for bar in bars]]
    axis.barh(places, [bar.value for bar in bars], color=[bar.colour for bar in bars], height=0.66, zorder=2)
    axis.errorbar(
        [bar.value for bar in bars], places, xerr=spans, fmt="none", ecolor=_GOAL, elinewidth=0.8, alpha=0.5, zorder=3
    )
    farthest = max(max(bar.high, bar.goal or 0.0) for bar in bars)
    if farthest <= 1.05:
        # Shares are compared across panels.
        farthest = 1.0
    for place, bar in zip(places, bars, strict=True):
        if bar.goal is not None:
            axis.plot([bar.goal] * 2, [place - 0.42, place + 0.42], color=_GOAL, linewidth=2.2, zorder=4)
        label = f"{bar.value:.0f}" if farthest > 2 else f"{bar.value:.2f}"
        axis.text(farthest * 1.04, place, label, va="center", fontsize=9, color=_GOAL)
    axis.set_yticks(places, [bar.name.replace("`", "") for bar in bars], fontsize=9)
    axis.invert_yaxis()
    axis.set_xlim(0, farthest * 1.12)
    axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axis.grid(axis="x", color="#dfe3e8", zorder=0)
    axis.tick_params(axis="both", length=0, labelsize=9)
    for side in ("top", "right", "bottom", "left"):
        axis.spines[side].set_visible(False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
