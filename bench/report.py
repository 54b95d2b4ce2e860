"""Tables in Markdown."""

from collections.abc import Sequence

from bench.measure import Comparison, Group, Round, Spread

_HEAD = "| case | per CPU-s | CPU µs | + Postgres µs | core | per s | p50 ms | p99 ms | share of reference | goal | |"


def table(group: Group) -> str:
    """One group."""
    # Of a case that is compared twice, the first: the summary has them all.
    compared = {comparison.case: comparison for comparison in reversed(group.comparisons)}
    lines = [f"### {group.title}", "", _HEAD, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"]
    for name, rounds in group.rounds.items():
        lines.append(f"| {name} | {_measured(rounds)} | {_compared(group, compared.get(name))} |")
    note = ["", group.note] if group.note else []
    return "\n".join([*lines, *note, ""])


def plain_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """A table of other figures."""
    lines = [f"### {title}", "", _row(head), _row(["---"] + ["---:"] * (len(head) - 1)), *(_row(row) for row in rows)]
    return "\n".join([*lines, *(["", note] if note else []), ""])


def verdict(*, met: bool) -> str:
    """A goal's outcome in a word."""
    return "met" if met else "**missed**"


def spread(values: Spread, digits: int = 0) -> str:
    """A median and its bounds."""
    return f"{values.median:,.{digits}f} ({values.low:,.{digits}f} to {values.high:,.{digits}f})"


def _measured(rounds: list[Round]) -> str:
    cpu = Spread.of([each.cpu_us for each in rounds])
    beside = Spread.of([each.beside_us for each in rounds])
    waits = [_median(rounds, name) for name in ("p50_ms", "p99_ms")]
    cells = [
        f"{1e6 / cpu.median:,.0f}",
        spread(cpu),
        f"{beside.median:,.0f}" if beside.high else "",
        f"{Spread.of([each.cpu_seconds / each.seconds for each in rounds]).median:.2f}",
        f"{Spread.of([each.rate for each in rounds]).median:,.0f}",
        *waits,
    ]
    return " | ".join(cells)


def _median(rounds: list[Round], name: str) -> str:
    values = [value for each in rounds if (value := getattr(each, name)) is not None]
    return f"{Spread.of(values).median:.1f}" if values else ""


def _compared(group: Group, comparison: Comparison | None) -> str:
    if comparison is None:
        return " | | "
    ratio = group.ratio(comparison)
    if comparison.at_least is None:
        return f"{spread(ratio, 2)} | | "
    return f"{spread(ratio, 2)} | ≥ {comparison.at_least:.2f} | {verdict(met=ratio.median >= comparison.at_least)}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
