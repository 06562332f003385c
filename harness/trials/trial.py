"""Runs one trial in this process. However it ends, it returns an outcome and raises nothing."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

import torch

from harness.contracts import SearchMethod
from harness.cost_model.profile import Prediction
from harness.environment import describe_environment
from harness.experiment.outcome import Metric, Outcome, PretrainingPart, TaskResult, TrialError
from harness.experiment.setting import FewShotSetting, FullTaskSetting
from harness.experiment.trial import Trial
from harness.loop.guards import TrialLimits, check_reported, machine_suffices, status_of
from harness.metrics import METRICS, MetricSpec, to_mib
from harness.plugins.loading import Plugins
from harness.plugins.selection import recreate
from harness.plugins.spaces import evaluating_score, planned_space
from harness.pretraining.checkpoint import read_checkpoint
from harness.runtime.determinism import choose_threads
from harness.runtime.factory import open_dataset, open_device, shows_images
from harness.runtime.job import TrialJob
from harness.runtime.process_group import ALONE, ProcessGroup
from harness.tracing.search import form_of
from harness.tracing.trace import predict_search_time
from harness.tracing.workload import latency_of
from harness.trials.few_shot import run_few_shot
from harness.trials.full_task import run_full_task
from harness.trials.readings import TrialReadings
from harness.trials.session import Session

__all__ = ["metrics_of", "run_trial", "take_device_metrics"]

Event = dict[str, Any]

# Metrics that no device may report: the harness has them for every trial.
_OWN = {metric.name for metric in METRICS.values() if metric.is_always_shown}


def run_trial(
    plugins: Plugins,
    job: TrialJob,
    send: Callable[[Event], None],
    group: ProcessGroup = ALONE,  # noqa: ARG001 - a trial is one process's
) -> Outcome:
    """Run the trial of a job; `send` takes an event for each search step."""
    # First of all: to ask for a CUDA device takes memory, which is the trial's, too.
    readings = TrialReadings(job.trial.device.mode)
    device = open_device(plugins, job.trial.device)
    readings.read_from(device)
    limits = TrialLimits(job.trial.budget, device.profile.memory_limit_bytes)
    session = Session(job.trial, torch.device(device.torch_device()), limits, send, readings)
    session.metrics, session.model_path = plugins.metrics, job.model
    try:
        _run_protocol(session, plugins, job)
    except Exception as error:
        traceback.print_exc()
        return _failed(session, error)
    return _outcome(session, fitted=True, predicted=_predict(plugins, job.trial, session))


def _predict(plugins: Plugins, trial: Trial, session: Session) -> Prediction | None:
    """Predict the time on an emulated device; where that fails, the log says why."""
    if trial.device.mode != "emulated" or session.form is None:
        return None
    if "supernet_accuracy" in session.tasks[0].metrics:
        return None  # the steps of a derived network are not predicted
    try:
        return predict_search_time(plugins, trial, session.form)
    except Exception:
        traceback.print_exc()
        return None


def _run_protocol(session: Session, plugins: Plugins, job: TrialJob) -> None:
    trial = job.trial
    session.stage = "data"
    with session.reading():
        dataset = open_dataset(plugins, trial.dataset, job)
        session.form = form_of(dataset)
        session.shows_images = job.shows_images or shows_images(plugins, trial.dataset)
        _load_checkpoint(session, job)
    session.space = planned_space(plugins, trial.space)
    with session.calling("build"):
        selection = recreate(plugins, "method", trial.method.name, trial.method.params)
        session.score = evaluating_score(plugins, selection)
    channels = trial.budget.channels or trial.setting.default_channels
    cost = trial.device.profile.cost
    if cost is not None:
        session.operation_latency = latency_of(cost, dataset.image_shape, channels, session.space)
    choose_threads(trial.setting.batch_size, dataset.image_shape, channels)

    def create_method() -> SearchMethod:
        with session.calling("build"):
            method: SearchMethod = selection.create()
        return method

    if isinstance(trial.setting, FewShotSetting):
        run_few_shot(session, trial.setting, dataset, create_method)
    elif isinstance(trial.setting, FullTaskSetting):
        run_full_task(session, trial.setting, dataset, create_method)
    else:
        raise TypeError("a table has no images that a method could train on")
    take_device_metrics(session)


def _load_checkpoint(session: Session, job: TrialJob) -> None:
    """Take over the state of the checkpoint, if the method is pretrained."""
    if job.checkpoint is None or job.pretraining is None:
        return
    checkpoint = read_checkpoint(job.checkpoint)
    difference = job.pretraining.difference(checkpoint.pretraining)
    if difference is not None or not checkpoint.is_complete:
        raise RuntimeError(f"checkpoint {job.checkpoint} has changed: {difference or 'unfinished'}")
    session.initial_state = {name: torch.tensor(array) for name, array in checkpoint.state.items()}
    progress = checkpoint.progress
    session.used.meta_epochs = progress.meta_epochs
    session.used.warmup_epochs = progress.warmup_epochs
    session.pretraining = PretrainingPart(
        key=job.pretraining.key, seconds=progress.seconds, curve=progress.curve
    )


def _failed(session: Session, error: Exception) -> Outcome:
    suffices = machine_suffices(session.trial.device, session.device)
    status = status_of(error, budget_binds=session.limits.budget_binds, suffices=suffices)
    message = str(error) or type(error).__name__
    if session.where and session.where not in message:
        message = f"{message} ({session.where})"
    outcome = _outcome(session, fitted=status != "out_of_memory")
    outcome.status = status
    outcome.error = TrialError(type=type(error).__name__, message=message, stage=session.stage)
    return outcome


def _outcome(session: Session, *, fitted: bool, predicted: Prediction | None = None) -> Outcome:
    return Outcome(
        status="ok",
        used=session.used,
        metrics=metrics_of(session, fitted=fitted, predicted=predicted),
        tasks=session.tasks,
        initial_architecture=session.initial_architecture,
        architectures=session.architectures,
        examples=session.examples,
        pretraining=session.pretraining,
        environment={
            **describe_environment(),
            **session.readings.environment(),
            **({"no_model": session.no_model} if session.no_model else {}),
        },
        method_s=session.method_s,
        data_s=session.data_s,
    )


def metrics_of(
    session: Session, *, fitted: bool, predicted: Prediction | None = None
) -> dict[str, Metric]:
    """Return the metrics of the tasks that are finished.

    On an emulated device memory is counted and accuracy computed on this machine: both are marked
    emulated. Its time cannot be read here: it is predicted, or null.

    Args:
        session: the trial, finished or broken off.
        fitted: whether the device held it; if not, its peak is unknown, not the limit.
        predicted: for an emulated device, the time that its cost model predicts.
    """
    table, mode = session.metrics, session.trial.device.mode
    values = {
        "peak_memory": to_mib(session.peak_bytes if fitted else None),
        "storage": to_mib(session.storage_bytes),
        **{name: _over_tasks(table[name], session.tasks) for name in ("accuracy", "search_time")},
    }
    if mode == "measured":
        values |= _machine_readings(session, fitted=fitted)
    names = dict.fromkeys(name for task in session.tasks for name in task.metrics)
    values |= {name: _over_tasks(table[name], session.tasks) for name in names}
    metrics = {
        name: Metric(value=value, unit=table[name].unit, source=mode)
        for name, value in values.items()
    }
    if mode == "emulated":
        metrics["search_time"] = _predicted(predicted)
    return metrics


def take_device_metrics(session: Session) -> None:
    """Add the device's own metrics to the session, once the trial is done.

    Raises:
        NotFiniteError: a number is not finite.
        ValueError: a metric is not registered, or is one that the harness computes itself.
    """
    session.stage, read = "end", session.readings.metrics()
    session.read = check_reported(read, session.metrics.keys() - _OWN, "the device")


def _predicted(time: Prediction | None) -> Metric:
    if time is None:
        return Metric(value=None, unit="s", source="predicted")
    return Metric(
        value=time.value_s, unit="s", source="predicted", low=time.low_s, high=time.high_s
    )


def _over_tasks(metric: MetricSpec, tasks: list[TaskResult]) -> float | None:
    """Aggregate a metric over the tasks that have it, without a first task that only warms up."""
    warm = tasks[1:] or tasks if metric.warms_up else tasks
    read = [task.value(metric.per_task or metric.name) for task in warm]
    known = [value for value in read if value is not None]
    if not known:
        return None
    return max(known) if metric.aggregate == "largest" else fmean(known)


def _machine_readings(session: Session, *, fitted: bool) -> Mapping[str, float | None]:
    """Return what was read from this machine, which is the device; unread metrics are absent."""
    peaks = session.readings.memory_bytes()
    values = {
        "process_peak_rss": to_mib(_peak_rss_bytes()),
        **{name: to_mib(size) if fitted else None for name, size in peaks.items()},
    }
    if session.readings.reads_energy:
        values["energy"] = _over_tasks(METRICS["energy"], session.tasks)
    return values | session.read


def _peak_rss_bytes() -> int | None:
    try:
        import resource  # noqa: PLC0415 - not on Windows, where the reading is null
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
