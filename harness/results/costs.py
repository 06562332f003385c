"""The files `estimate.json` and `bench.json`: their rows, and how they are written.

Each number of an estimate is marked as predicted; a benchmark names the machine that it ran on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.cost_model.profile import Prediction, predict_seconds, predicted_time_json
from harness.devices.profile import DeviceProfile
from harness.environment import describe_environment
from harness.estimates.estimates import Estimate
from harness.experiment.setting import conditions_of
from harness.metrics import to_mib
from harness.system.files import made_folder, write_whole

__all__ = [
    "BENCH_FILE",
    "BENCH_SCHEMA",
    "ESTIMATE_FILE",
    "ESTIMATE_SCHEMA",
    "BenchRow",
    "DeviceRow",
    "EstimateRow",
    "SavedBench",
    "SavedEstimate",
    "bench_to_json",
    "measured_here",
    "row_of",
    "save_bench",
    "save_estimate",
    "with_references",
]

ESTIMATE_FILE = "estimate.json"
ESTIMATE_SCHEMA: Literal[1] = 1

BENCH_FILE = "bench.json"
BENCH_SCHEMA: Literal[1] = 1


@dataclass(frozen=True)
class DeviceRow:
    """One search on one device: whether it fits, and how long it takes.

    Attributes:
        fits: whether the device holds the search at its largest; None if the device has no limit
            or the search's memory is not known.
        search_time: of the search steps of one task, or of all epochs; None if the search does not
            fit or the device has no cost model.
    """

    device: str
    model: str
    memory_limit_mib: float | None
    fits: bool | None
    search_time: Prediction | None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "device": self.device,
            "model": self.model,
            "memory_limit_mib": self.memory_limit_mib,
            "fits": self.fits,
            "search_time": predicted_time_json(self.search_time),
        }


@dataclass(frozen=True)
class EstimateRow:
    """One method on one setting, on every device that was asked for.

    Attributes:
        peak_memory_mib: peak memory, at its largest if it depends on what the method chooses.
        lowest_memory_mib: the same at its smallest.
        conditions: recipe, evaluation and space where they are not the defaults; else empty.
    """

    method: str
    dataset: str
    setting: str
    channels: int
    search_steps: int
    peak_memory_mib: float | None
    lowest_memory_mib: float | None
    storage_mib: float | None
    devices: tuple[DeviceRow, ...]
    error: str
    conditions: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        peak = {"value": self.peak_memory_mib, "unit": "MiB", "source": "predicted"}
        spread = {"lowest": self.lowest_memory_mib, "highest": self.peak_memory_mib}
        return {
            "method": self.method,
            "dataset": self.dataset,
            "setting": self.setting,
            **({"conditions": self.conditions} if self.conditions else {}),
            "channels": self.channels,
            "search_steps": self.search_steps,
            "peak_memory": {**peak, **spread},
            "storage": {"value": self.storage_mib, "unit": "MiB", "source": "predicted"},
            "devices": [device.to_json() for device in self.devices],
            "error": self.error or None,
        }


class SavedEstimate(BaseModel):
    """The rows of one estimate, with the suite that they were asked for by.

    It is read strictly: unknown keys and values of a wrong type are refused.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True
    )

    schema_version: Literal[1] = Field(default=ESTIMATE_SCHEMA, alias="schema")
    suite: str | None = Field(description="its name or path; null where options said what for")
    dataset_map: dict[str, str] = Field(
        default={}, description="for a data set of the suite, the label of what stands in for it"
    )
    rows: Annotated[tuple[EstimateRow, ...], Field(description="predicted, one a search")]


def row_of(estimate: Estimate) -> EstimateRow:
    """Return the row of an estimate."""
    search = estimate.search
    return EstimateRow(
        method=search.label,
        dataset=search.dataset,
        setting=search.setting.name,
        channels=search.channels,
        search_steps=search.steps,
        peak_memory_mib=to_mib(estimate.peak_bytes),
        lowest_memory_mib=to_mib(estimate.lowest_bytes),
        storage_mib=to_mib(estimate.storage_bytes),
        devices=tuple(_on_device(estimate, profile) for profile in search.devices),
        error=estimate.error,
        conditions=conditions_of(
            search.setting.recipe,
            getattr(search.setting, "evaluation", "inductive"),
            search.space.name,
        ),
    )


def save_estimate(
    folder: Path,
    rows: Sequence[EstimateRow],
    suite: str | None = None,
    dataset_map: Mapping[str, str] | None = None,
) -> Path:
    """Write `estimate.json` into a folder, which is made if need be, and return its path.

    Raises:
        RunFolderError: it cannot be written.
    """
    saved = SavedEstimate(suite=suite, dataset_map=dict(dataset_map or {}), rows=tuple(rows))
    path = made_folder(folder) / ESTIMATE_FILE
    write_whole(path, saved.model_dump_json(by_alias=True, indent=1) + "\n")
    return path


def _on_device(estimate: Estimate, profile: DeviceProfile) -> DeviceRow:
    limit, peak, kernels = profile.memory_limit_bytes, estimate.peak_bytes, estimate.kernels
    fits = None if limit is None or peak is None else peak <= limit
    predicted = None
    if profile.cost is not None and kernels is not None and fits is not False:
        parallel = estimate.search.uses_threads
        predicted = predict_seconds(profile.cost, kernels, parallel=parallel)
    return DeviceRow(profile.name, profile.model, to_mib(limit), fits, predicted)


class _Saved(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True
    )


class BenchRow(_Saved):
    """A search step of one method in one setting; all numbers are measured.

    The ratio to another row of the same setting is that of their steps in the same round.
    """

    method: str
    version: str
    dataset: str = Field(description="whose shape the images have; they are noise")
    setting: str
    channels: int
    images: int = Field(description="in all batches of a search step")
    device: str
    first_step_s: float | None = Field(description="seconds of the very first step; null if none")
    step_s: tuple[float, ...] = Field(description="seconds of the warm steps, round after round")
    peak_memory_mib: float | None = Field(description="counted over three steps; null if not")
    error: str = Field(default="", description="what went wrong; then numbers are missing")
    conditions: str = Field(default="", description="recipe and space that are not the defaults")

    @property
    def median_s(self) -> float | None:
        """Median seconds of a warm step."""
        return median(self.step_s) if self.step_s else None

    def ratio_to(self, reference: BenchRow) -> float | None:
        """Return the median, over the rounds, of this row's step by that of `reference`."""
        if not (self.step_s and reference.step_s):
            return None
        return median(a / b for a, b in zip(self.step_s, reference.step_s, strict=False))


class SavedBench(_Saved):
    """The rows of one benchmark, and the machine that it ran on."""

    schema_version: Literal[1] = Field(default=BENCH_SCHEMA, alias="schema")
    processor: str | None
    torch: str
    rows: tuple[BenchRow, ...]


def with_references(rows: Sequence[BenchRow]) -> Iterator[tuple[BenchRow, BenchRow]]:
    """Give each row with the first one of its setting."""
    first: dict[tuple[str, str, str, int], BenchRow] = {}
    for row in rows:
        yield row, first.setdefault((row.dataset, row.setting, row.conditions, row.channels), row)


def bench_to_json(rows: Sequence[BenchRow]) -> list[dict[str, Any]]:
    """Return JSON values, with medians and ratios."""
    return [
        {
            **row.model_dump(mode="json"),
            "median_s": row.median_s,
            "ratio": row.ratio_to(reference),
            "ratio_to": reference.method,
            "source": "measured",
        }
        for row, reference in with_references(rows)
    ]


def measured_here(rows: Sequence[BenchRow]) -> SavedBench:
    """Set the rows of a benchmark beside the machine that they were measured on, this one."""
    environment = describe_environment()
    return SavedBench(
        processor=environment["processor"], torch=environment["torch"], rows=tuple(rows)
    )


def save_bench(folder: Path, saved: SavedBench) -> Path:
    """Write `bench.json` into a folder, which is made if need be, and return its path.

    Raises:
        RunFolderError: it cannot be written.
    """
    path = made_folder(folder) / BENCH_FILE
    write_whole(path, saved.model_dump_json(by_alias=True, indent=1) + "\n")
    return path
