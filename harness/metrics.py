"""The table of metrics: each number that trials are judged by is declared here, once.

Records, tables, pages, pictures, comparisons and data frames go over this table. A plugin adds
metrics of its own by the hook `harness_register_metrics`; its device reads them
(`harness.contracts.ReadsMetrics`), or its method reports them (`harness.contracts.ReportsMetrics`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["METRICS", "MIB", "MetricSpec", "Source", "metric_table", "to_mib", "undeclared"]

MIB = 2**20  # bytes

# `tabular`: looked up in a table of what others have measured.
Source = Literal["measured", "emulated", "predicted", "tabular"]

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_UNIT_KEYS = {"%": "percent"}  # for units that a name cannot hold


@dataclass(frozen=True)
class MetricSpec:
    """One metric: its names, and how its numbers are aggregated, rounded and shown.

    Attributes:
        name: its key in a record's `metrics`: lower-case words joined by underscores.
        unit: of its numbers, such as `MiB`, `s`, `%` or `J`; empty for a bare number.
        more_is_better: its direction; None if neither is better, so that nothing is judged.
        title: its name in comparisons and pictures; by default the words of `name`.
        heading: its name in columns; by default the title.
        short: its name in options, `--fail-if-worse memory=5%`; by default `name`.
        aggregate: how tasks and seeds are aggregated: by their mean, or by the largest.
        digits: decimals that are shown.
        is_always_shown: whether tables have its column even if no value was read.
        shows_spread: whether tables show its standard deviation over seeds.
        is_counted: whether it is a count of bytes, which is exact unless something is random.
        needs_fit: whether it is missing for a trial that did not fit the device.
        per_task: the field of a record's tasks that has it for each task; empty if a trial has only
            one value. A metric that a method reports is found by its own name.
        warms_up: whether the first task only warms up, and is left out if there are others.
    """

    name: str
    unit: str
    more_is_better: bool | None = None
    title: str = ""
    heading: str = ""
    short: str = ""
    aggregate: Literal["mean", "largest"] = "mean"
    digits: int = 2
    is_always_shown: bool = False
    shows_spread: bool = False
    is_counted: bool = False
    needs_fit: bool = False
    per_task: str = ""
    warms_up: bool = False

    def __post_init__(self) -> None:
        """Fill in what follows from the name.

        Raises:
            ValueError: the name is not of lower-case words joined by underscores.
        """
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"a metric is called {self.name!r}; a name is lower-case words joined by "
                "underscores"
            )
        title = self.title or self.name.replace("_", " ")
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "heading", self.heading or title)
        object.__setattr__(self, "short", self.short or self.name)

    @property
    def key(self) -> str:
        """The name in CSV files and the like, which ends in the unit: `time_s`."""
        return "_".join(filter(None, (self.short, self.unit_key)))

    @property
    def unit_key(self) -> str:
        """Its unit as a part of a name: `mib`, `percent`."""
        return _UNIT_KEYS.get(self.unit, re.sub(r"\W+", "_", self.unit.lower()).strip("_"))

    def axis(self, *, is_logarithmic: bool = False) -> str:
        """Return the label of a picture's axis: `peak memory (MiB, log scale)`."""
        parts = [*([self.unit] if self.unit else []), *(["log scale"] if is_logarithmic else [])]
        return f"{self.title} ({', '.join(parts)})" if parts else self.title


def metric_table(metrics: Iterable[MetricSpec]) -> dict[str, MetricSpec]:
    """Return metrics by name, in their order."""
    return {metric.name: metric for metric in metrics}


def to_mib(size: int | None) -> float | None:
    """Return bytes in MiB; None of None."""
    return None if size is None else size / MIB


METRICS: Mapping[str, MetricSpec] = metric_table(
    [
        MetricSpec(
            "peak_memory", "MiB", more_is_better=False, heading="memory", short="memory",
            aggregate="largest", digits=1, is_always_shown=True, is_counted=True, needs_fit=True,
            per_task="peak_memory_bytes",
        ),
        MetricSpec(
            "storage", "MiB", more_is_better=False, aggregate="largest", is_always_shown=True,
            is_counted=True,
        ),
        MetricSpec(
            "accuracy", "%", more_is_better=True, is_always_shown=True, shows_spread=True,
            per_task="accuracy",
        ),
        MetricSpec(
            "transductive_accuracy", "%", more_is_better=True, title="transductive accuracy",
            heading="accuracy together", short="transductive", shows_spread=True,
        ),
        MetricSpec("regret", "points", more_is_better=False, shows_spread=True),
        MetricSpec("reward", "", more_is_better=True, shows_spread=True),
        MetricSpec(
            "hypervolume", "%", more_is_better=True, title="hypervolume of the front",
            heading="hypervolume", shows_spread=True,
        ),
        MetricSpec("latency", "ms", more_is_better=False),
        MetricSpec("flops", "MFLOP", title="FLOPs", digits=1),
        MetricSpec("parameters", "M"),
        MetricSpec(
            "supernet_accuracy", "%", more_is_better=True, heading="accuracy of the supernet",
            short="supernet", shows_spread=True,
        ),
        MetricSpec(
            "search_time", "s", more_is_better=False, heading="time", short="time",
            is_always_shown=True, needs_fit=True, per_task="search_s", warms_up=True,
        ),
        MetricSpec(
            "step_time", "s", more_is_better=False, title="search step", heading="step",
            short="step",
        ),
        MetricSpec("energy", "J", more_is_better=False, per_task="energy_j", warms_up=True),
        MetricSpec("board_memory", "MiB", more_is_better=False, aggregate="largest", digits=1),
        MetricSpec("allocator_peak", "MiB", more_is_better=False, aggregate="largest", digits=1),
        MetricSpec("reserved_peak", "MiB", more_is_better=False, aggregate="largest", digits=1),
        MetricSpec("swap_used", "MiB", more_is_better=False, aggregate="largest", digits=1),
        MetricSpec(
            "process_peak_rss", "MiB", more_is_better=False, title="process peak RSS",
            heading="process RSS", aggregate="largest", digits=1,
        ),
    ]
)  # fmt: skip
"""The metrics of the harness itself, in the order in which tables have them."""


def undeclared(name: str, unit: str) -> MetricSpec:
    """Return a spec for a metric that a record has and that nobody has declared here.

    The record may be a stranger's, so the spec never takes the place of a declared metric.
    """
    words = "_".join(re.findall(r"[a-z0-9]+", name.lower()))
    taken = {each for metric in METRICS.values() for each in (metric.name, metric.short)}
    is_name = words[:1].isalpha() and words not in taken
    return MetricSpec(words if is_name else "_".join(filter(None, ("m", words))), unit)
