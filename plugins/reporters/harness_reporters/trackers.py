"""Reporters for experiment trackers: event files for `tensorboard`, and runs of `mlflow`."""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from harness import hookimpl
from harness.errors import UsageError
from harness.experiment.trial import Trial
from harness.results.reading import one_line
from harness.results.record import Record
from harness_reporters.numbers import Number, facts_of, numbers_of_record, numbers_of_step

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from tensorboard.summary.writer.event_file_writer import EventFileWriter


__all__ = [
    "MLflow",
    "MLflowParameters",
    "TensorBoard",
    "require",
]

FLUSH_S = 10
# By default, MLflow sends usage data to its makers, and waits minutes for a server that is not
# there. Values that a person has set take precedence.
CUSTOMS = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
ENDINGS = {"ok": "FINISHED", "out_of_memory": "FINISHED", "interrupted": "KILLED"}


class MLflowParameters(BaseModel):
    """Where MLflow keeps runs, and under which name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str | None = Field(
        default=None,
        description="tracking URI; else MLFLOW_TRACKING_URI, else mlflow.db in the run folder",
    )
    experiment: str = Field(default="onnas-harness", min_length=1, description="its experiment")


def require(reporter: str, *modules: str) -> None:
    """Check that modules are installed, without importing them.

    Raises:
        UsageError: one is not; the message has the command that installs it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise UsageError(
                f"reporter '{reporter}' needs {module}, which is not installed; "
                f"pip install 'onnas-harness[{reporter}]' installs it"
            )


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
        """Open the trial's event file; what an earlier attempt has left is marked as void."""
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


class MLflow:
    """Logs to a tracking store: metrics under what they are, parameters, and tags.

    A metric's name begins with `measured`, `emulated` or `predicted`. Not fitting the device is a
    result: such a run ends `FINISHED`, its tag `status` says how.
    """

    def __init__(self, parameters: MLflowParameters) -> None:
        """Take where to log to; nothing is opened yet.

        Raises:
            UsageError: MLflow is not installed.
        """
        require("mlflow", "mlflow", "sqlalchemy", "alembic")
        self._parameters = parameters
        self._client: MlflowClient | None = None
        self._experiment = ""
        self._runs: dict[str, str] = {}  # MLflow's run of each trial, by trial key
        self._steps: dict[str, int] = {}

    @hookimpl
    def harness_run_started(self, folder: Path) -> None:
        """Open the store, and find or make the experiment."""
        for name, value in CUSTOMS.items():
            os.environ.setdefault(name, value)
        from mlflow.tracking import MlflowClient  # noqa: PLC0415 - slow, and reads the above

        given = self._parameters.uri or os.environ.get("MLFLOW_TRACKING_URI")
        own = folder.resolve() / "mlflow.db"
        self._client = MlflowClient(tracking_uri=given or f"sqlite:///{own.as_posix()}")
        name = self._parameters.experiment
        known = self._client.get_experiment_by_name(name)
        place = None if given else (own.parent / "mlflow").as_uri()
        self._experiment = (
            known.experiment_id
            if known is not None
            else self._client.create_experiment(name, artifact_location=place)
        )

    @hookimpl
    def harness_trial_started(self, trial: Trial) -> None:
        """Begin MLflow's run, with what defines the trial."""
        client = self._opened()
        run = client.create_run(self._experiment, run_name=str(trial), tags=_tags(trial))
        self._runs[trial.key], self._steps[trial.key] = run.info.run_id, 0
        for name, value in _params(trial).items():
            client.log_param(run.info.run_id, name, value)

    @hookimpl
    def harness_trial_progress(self, trial: Trial, event: dict[str, Any]) -> None:
        """Log the numbers of a step; steps are counted through all tasks."""
        self._steps[trial.key] += 1
        self._log(trial, numbers_of_step(trial, event))

    @hookimpl
    def harness_trial_finished(self, trial: Trial, record: Record) -> None:
        """Log the numbers of the record, and end the run as the trial ended."""
        self._log(trial, numbers_of_record(record))
        client, run = self._opened(), self._runs.pop(trial.key)
        client.set_tag(run, "status", record.status)
        if record.error is not None:
            client.set_tag(run, "error", one_line(record.error.message, limit=1000))
        client.set_terminated(run, ENDINGS.get(record.status, "FAILED"))

    @hookimpl
    def harness_run_finished(self) -> None:
        """End what an interrupted run has left open."""
        while self._runs:
            self._opened().set_terminated(self._runs.popitem()[1], "KILLED")

    def _log(self, trial: Trial, numbers: list[Number]) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415 - slow

        now, step = int(time.time() * 1000), self._steps[trial.key]
        metrics = [Metric(k, value, now, step) for number in numbers for k, value in number.ends]
        self._opened().log_batch(self._runs[trial.key], metrics)

    def _opened(self) -> MlflowClient:
        if self._client is None:
            raise RuntimeError("no run has been started")
        return self._client


def _tags(trial: Trial) -> dict[str, str]:
    return {"trial_key": trial.key, "mode": trial.device.mode, "device": trial.device.name}


def _params(trial: Trial) -> dict[str, object]:
    budget = trial.budget.model_dump(exclude_none=True)
    return {**facts_of(trial), **{f"budget.{key}": value for key, value in budget.items()}}
