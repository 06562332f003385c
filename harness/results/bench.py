"""What `harness bench --output` leaves in `bench.json`."""

from __future__ import annotations

from statistics import median
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["BENCH_FILE", "BENCH_SCHEMA", "BenchRow", "SavedBench"]

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
