"""What reporters send about a trial: facts that identify it, and numbers with their sources."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.experiment.trial import Trial
from harness.metrics import MIB
from harness.results.record import Record

__all__ = ["Number", "facts_of", "numbers_of_record", "numbers_of_step"]

WORDS = {"%": "percent"}  # for units that a name cannot hold


@dataclass(frozen=True)
class Number:
    """A number that was captured.

    Attributes:
        source: `measured`, `emulated` or `predicted`.
        low: of a prediction, the lower end of the band for nine of ten times; None if unknown.
        high: the upper end of that band.
    """

    name: str
    value: float
    unit: str
    source: str
    low: float | None = None
    high: float | None = None

    @property
    def key(self) -> str:
        """The name with source and unit, so that nobody mistakes it: `emulated/peak_memory_mib`."""
        return f"{self.source}/{self.name}_{WORDS.get(self.unit, self.unit.lower())}"

    @property
    def ends(self) -> Iterator[tuple[str, float]]:
        """Yield the number by its key, and the ends of its band by keys of their own."""
        yield self.key, self.value
        for end, value in (("low", self.low), ("high", self.high)):
            if value is not None:
                yield f"{self.key}_{end}", value


def numbers_of_step(trial: Trial, event: dict[str, Any]) -> list[Number]:
    """Return what a search step read: loss (nats), accuracy (%), peak memory (MiB), time (s).

    All of them are computed where the trial runs, so that they are emulated where the device is.
    The time of an emulated device cannot be read here, and is left out.
    """
    source, memory = trial.device.mode, event["memory_bytes"]
    seconds = event["seconds"] if source == "measured" else None
    read = (
        ("step_loss", event["loss"], "nats"),
        ("step_accuracy", event["accuracy"], "%"),
        ("step_memory", None if memory is None else memory / MIB, "MiB"),
        ("step_time", seconds, "s"),
    )
    return [
        Number(name, value, unit, source)
        for name, value, unit in read
        if value is not None and math.isfinite(value)
    ]


def numbers_of_record(record: Record) -> list[Number]:
    """Return the metrics of a trial that were captured."""
    return [
        Number(name, metric.value, metric.unit, metric.source, metric.low, metric.high)
        for name, metric in record.metrics.items()
        if metric.value is not None
    ]


def facts_of(trial: Trial) -> dict[str, str | int]:
    """Return the facts of a trial that a person would choose or group by, by name."""
    return {
        "method": trial.method.label,
        "dataset": trial.dataset.label,
        "setting": str(trial.setting),
        "device": trial.device.name,
        "mode": trial.device.mode,
        "seed": trial.seed,
    }
