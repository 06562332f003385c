"""The reporter `csv`: one row a number, appended while the run goes on."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from harness import hookimpl
from harness.experiment.trial import Trial
from harness.results.record import Record
from harness_reporters.numbers import Number, facts_of, numbers_of_record, numbers_of_step

__all__ = ["COLUMNS", "CsvStream"]

COLUMNS = (
    "time", "trial_key", "method", "dataset", "setting", "device", "mode", "seed", "moment", "task",
    "step", "name", "value", "unit", "source", "low", "high", "status",
)  # fmt: skip


class CsvStream:
    """Appends rows to `stream.csv` in the run folder; a program may read it while it grows.

    `moment` is `started`, `step` or `finished`. A trial's start has a row without a number; its end
    has a row for each number, or one without a number, and these rows have its status.
    """

    def __init__(self) -> None:
        """Wait for a run."""
        self._path = Path("stream.csv")

    @hookimpl
    def harness_run_started(self, folder: Path) -> None:
        """Begin the file, or go on with it where an earlier run has left it."""
        self._path = folder / "stream.csv"
        begun = self._path.read_bytes()[-1:] if self._path.exists() else b""
        if not begun:
            self._append([COLUMNS])
        elif begun != b"\n":  # a run was killed in the middle of a row
            self._append([()])

    @hookimpl
    def harness_trial_started(self, trial: Trial) -> None:
        """Say that a trial begins."""
        self._append([_row(trial, moment="started")])

    @hookimpl
    def harness_trial_progress(self, trial: Trial, event: dict[str, Any]) -> None:
        """Give the numbers of a step."""
        numbers = numbers_of_step(trial, event)
        place = {"moment": "step", "task": event["task"], "step": event["step"]}
        self._append([_row(trial, number, **place) for number in numbers])

    @hookimpl
    def harness_trial_finished(self, trial: Trial, record: Record) -> None:
        """Give the numbers of the record, and how the trial ended."""
        end: dict[str, Any] = {"moment": "finished", "status": record.status}
        rows = [_row(trial, number, **end) for number in numbers_of_record(record)]
        self._append(rows or [_row(trial, **end)])

    def _append(self, rows: list[tuple[Any, ...]]) -> None:
        """Write rows at once, so that no reader sees half of one."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        with self._path.open("a", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())


def _row(trial: Trial, number: Number | None = None, **more: Any) -> tuple[Any, ...]:
    cells: dict[str, Any] = {
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "trial_key": trial.key,
        **facts_of(trial),
        **more,
    }
    if number is not None:
        cells |= {key: getattr(number, key) for key in ("name", "value", "unit", "source")}
        cells |= {"low": number.low, "high": number.high}
    return tuple(cells.get(column) for column in COLUMNS)
