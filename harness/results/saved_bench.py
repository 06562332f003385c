"""Keeps a benchmark together with what it ran on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.environment import describe_environment
from harness.results.bench import BENCH_FILE, BenchRow, SavedBench
from harness.runtime.files import made_folder, write_whole

__all__ = ["save_here"]


def save_here(folder: Path, rows: Sequence[BenchRow]) -> Path:
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
