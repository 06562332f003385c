"""Reads a trial's `steps.jsonl`: what each search step held. The file may come from a stranger."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ValidationError

from harness.report.pictures.part import read_part

__all__ = ["MAX_STEPS", "Step", "read_steps"]

STEP_FILE = "steps.jsonl"
MAX_STEPS = 20_000
MAX_BYTES = 8 * 2**20


class Step(BaseModel):
    """One search step; `memory_bytes` is its peak, None where memory was not counted."""

    task: int
    step: int
    memory_bytes: int | None


def read_steps(folder: Path) -> list[Step]:
    """Return the first steps of a trial, in order; what is no step is passed over."""
    lines = (read_part(folder / STEP_FILE, MAX_BYTES).content).splitlines()
    return [step for line in islice(lines, MAX_STEPS) if (step := _step(line)) is not None]


def _step(line: bytes) -> Step | None:
    try:
        return Step.model_validate_json(line)
    except ValidationError:
        return None
