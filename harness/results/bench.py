"""`bench.json`: what `harness bench --output` leaves, together with what it ran on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.environment import describe_environment
from harness.system.files import made_folder, write_whole

__all__ = [
    "BENCH_FILE",
    "BENCH_SCHEMA",
    "BenchRow",
    "SavedBench",
    "bench_to_json",
    "save_bench",
    "with_references",
]

BENCH_FILE = "bench.json"
BENCH_SCHEMA: Literal[1] = 1


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


def save_bench(folder: Path, rows: Sequence[BenchRow]) -> Path:
    """Write `bench.json` into a folder, which is made if need be, and return its path.

    Raises:
        RunFolderError: it cannot be written.
    """
    environment = describe_environment()
    saved = SavedBench(
        processor=environment["processor"], torch=environment["torch"], rows=tuple(rows)
    )
    path = made_folder(folder) / BENCH_FILE
    write_whole(path, saved.model_dump_json(by_alias=True, indent=1) + "\n")
    return path
