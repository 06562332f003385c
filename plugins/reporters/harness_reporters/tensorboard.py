"""The reporter `tensorboard`: event files that TensorBoard shows while the run goes on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import hookimpl
from harness.experiment.trial import Trial
from harness.results.reading import one_line
from harness.results.record import Record
from harness_reporters.numbers import Number, numbers_of_record, numbers_of_step
from harness_reporters.parameters import require

if TYPE_CHECKING:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

__all__ = ["TensorBoard"]

FLUSH_S = 10


class TensorBoard:
    """Writes `tensorboard/<trial>/` in the run folder: scalars under what they are, and the status.

    A scalar's tag begins with `measured`, `emulated` or `predicted`, which TensorBoard makes the
    heading of a section. Steps are counted through all tasks of a trial.
    """

    def __init__(self) -> None:
        """Wait for a run.

        Raises:
            UsageError: TensorBoard is not installed.
        """
        require("tensorboard", "tensorboard")
        self._folder = Path("tensorboard")
        self._writers: dict[str, EventFileWriter] = {}  # by trial key
        self._steps: dict[str, int] = {}

    @hookimpl
    def harness_run_started(self, folder: Path) -> None:
        """Keep the folder."""
        self._folder = folder / "tensorboard"

    @hookimpl
    def harness_trial_started(self, trial: Trial) -> None:
        """Open the trial's event file; what an earlier try has left there is marked as void."""
        from tensorboard.compat.proto.event_pb2 import SessionLog  # noqa: PLC0415 - slow
        from tensorboard.summary.writer.event_file_writer import EventFileWriter  # noqa: PLC0415

        path = str(self._folder / trial.folder_name)
        self._writers[trial.key] = EventFileWriter(path, flush_secs=FLUSH_S)
        self._steps[trial.key] = 0
        self._add(trial, session_log=SessionLog(status=SessionLog.START))

    @hookimpl
    def harness_trial_progress(self, trial: Trial, event: dict[str, Any]) -> None:
        """Write the numbers of a step."""
        self._steps[trial.key] += 1
        self._scalars(trial, numbers_of_step(trial, event))

    @hookimpl
    def harness_trial_finished(self, trial: Trial, record: Record) -> None:
        """Write the numbers of the record and how the trial ended, and close its file."""
        from tensorboard.plugins.text.summary_v2 import text_pb  # noqa: PLC0415 - slow

        self._scalars(trial, numbers_of_record(record))
        self._add(trial, summary=text_pb("status", _status(record)))
        self._writers.pop(trial.key).close()

    @hookimpl
    def harness_run_finished(self) -> None:
        """Close what an interrupted run has left open."""
        while self._writers:
            self._writers.popitem()[1].close()

    def _scalars(self, trial: Trial, numbers: list[Number]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415 - slow

        values = [
            Summary.Value(tag=tag, simple_value=value)
            for number in numbers
            for tag, value in number.ends
        ]
        self._add(trial, summary=Summary(value=values))

    def _add(self, trial: Trial, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415 - slow

        event = Event(wall_time=time.time(), step=self._steps[trial.key], **content)
        self._writers[trial.key].add_event(event)


def _status(record: Record) -> str:
    """Return the status as Markdown; a stranger's message is code, so that none of it is markup."""
    if record.error is None:
        return record.status
    return f"{record.status}\n\n    {one_line(record.error.message, limit=1000)}"
