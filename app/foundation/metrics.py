"""Metrics: what a process counts, declared beside the code that counts it.

    _SIGN_INS = Counter("sign_ins", "Sign-ins.", unit="sign-ins", result=("success", "unknown_user"))
    _SIGN_INS.add("success")

Every label has a closed set of values, so that nothing a stranger sends becomes a series; whatever is not in it
counts as `other`. `FROM_CODE` stands for a set that the code closes: route patterns, error codes, algorithms. A
metric is made once, at import. Where several processes share an exposition, each writes a file of its own.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Generic, Literal, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry

NAMESPACE = "auth_service"
OTHER = "other"
FROM_CODE: None = None
"""The values of a label that only our own source text can name."""

# Far beyond what the code makes; reaching it would be a fault of ours, which must not fill the memory.
MAX_SERIES = 2000
# From a hot endpoint's answer to the longest that a request may take, in seconds.
DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_BASE_UNITS = ("seconds", "bytes")

# When a series began is no use to Prometheus unless asked for, and doubles what it stores.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped

REGISTRY = CollectorRegistry()
"""Every metric of this process. It knows nothing of other processes: see `exposition`."""

DECLARED: dict[str, "Declared"] = {}
"""Every metric by its full name, for the reference and for checks of dashboards and alerts."""

Kind = Literal["counter", "gauge", "histogram"]
_Child = TypeVar("_Child", prometheus_client.Counter, prometheus_client.Gauge, prometheus_client.Histogram)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the reference says of a metric. A label's values are None where the code closes their set."""

    name: str
    kind: Kind
    meaning: str
    unit: str
    labels: Mapping[str, tuple[str, ...] | None]

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which it is exposed."""
        suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
        return tuple(f"{self.name}{suffix}" for suffix in suffixes[self.kind])


class _Metric(Generic[_Child]):
    """The series of one metric, found by their labels' values in the order of declaration."""

    __slots__ = ("_allowed", "_made", "_series")

    _made: _Child

    def __init__(self, made: _Child, labels: Mapping[str, Collection[str] | None]) -> None:
        self._made = made
        self._allowed = tuple(None if values is None else frozenset(values) for values in labels.values())
        self._series: dict[tuple[str, ...], _Child] = {} if labels else {(): made}
        if labels and None not in self._allowed:
            # A series that appears with its first event has no rate before the second.
            for values in product(*(values or () for values in labels.values())):
                self._find(values)

    def _find(self, values: tuple[str, ...]) -> _Child:
        found = self._series.get(values)
        return found if found is not None else self._make(values)

    def _make(self, values: tuple[str, ...]) -> _Child:
        pairs = zip(values, self._allowed, strict=True)
        bounded = tuple(value if allowed is None or value in allowed else OTHER for value, allowed in pairs)
        if len(self._series) >= MAX_SERIES:
            bounded = (OTHER,) * len(values)
        if bounded not in self._series:
            self._series[bounded] = self._made.labels(*bounded)
        return self._series[bounded]


class Counter(_Metric[prometheus_client.Counter]):
    """Something that happens. Exposed with `_total` at the end of its name."""

    def __init__(self, name: str, meaning: str, *, unit: str, **labels: Collection[str] | None) -> None:
        full = _declare("counter", name, meaning, unit, labels)
        super().__init__(prometheus_client.Counter(full, meaning, [*labels], registry=REGISTRY), labels)

    def add(self, *values: str, count: int = 1) -> None:
        """Count one, or `count` at once, with the labels' values in the order of declaration."""
        self._find(values).inc(count)


class Histogram(_Metric[prometheus_client.Histogram]):
    """How long something takes, in seconds."""

    def __init__(self, name: str, meaning: str, **labels: Collection[str] | None) -> None:
        full = _declare("histogram", name, meaning, "seconds", labels)
        made = prometheus_client.Histogram(full, meaning, [*labels], registry=REGISTRY, buckets=DURATIONS)
        super().__init__(made, labels)

    def observe(self, seconds: float, *values: str) -> None:
        """Count one that took so long."""
        self._find(values).observe(seconds)


class Gauge(_Metric[prometheus_client.Gauge]):
    """How things stand. `across` says what several processes' values make together; ended ones do not count."""

    def __init__(
        self,
        name: str,
        meaning: str,
        *,
        unit: str,
        across: Literal["sum", "max", "min"],
        **labels: Collection[str] | None,
    ) -> None:
        full = _declare("gauge", name, meaning, unit, labels)
        mode: Literal["livesum", "livemax", "livemin"]
        mode = "livesum" if across == "sum" else "livemax" if across == "max" else "livemin"
        made = prometheus_client.Gauge(full, meaning, [*labels], registry=REGISTRY, multiprocess_mode=mode)
        super().__init__(made, labels)

    def set(self, value: float, *values: str) -> None:
        """Say how it stands now."""
        self._find(values).set(value)

    def move(self, by: float, *values: str) -> None:
        """Change it by so much."""
        self._find(values).inc(by)


def _declare(kind: Kind, name: str, meaning: str, unit: str, labels: Mapping[str, Collection[str] | None]) -> str:
    if unit in _BASE_UNITS and not name.endswith(f"_{unit}"):
        raise ValueError(f"the name of a metric in {unit} ends in _{unit}: {name}")
    full = f"{NAMESPACE}_{name}"
    kept = {label: None if values is None else tuple(values) for label, values in labels.items()}
    DECLARED[full] = Declared(name=full, kind=kind, meaning=meaning, unit=unit, labels=kept)
    return full
