"""What a trial is judged by: each metric of the table that it has, with its source."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from statistics import fmean

from harness.cost_model.profile import Prediction
from harness.experiment.outcome import Metric, TaskResult
from harness.loop.guards import check_reported
from harness.metrics import METRICS, MetricSpec, to_mib
from harness.trials.session import Session

__all__ = ["metrics_of", "take_device_metrics"]

# What a device may not tell of itself: the harness has it of every trial.
_OWN = {metric.name for metric in METRICS.values() if metric.is_always_shown}


def metrics_of(
    session: Session, *, fitted: bool, predicted: Prediction | None = None
) -> dict[str, Metric]:
    """Return the metrics of what has been done so far.

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
    """Have the session know what the device itself has read, once the trial is done.

    Raises:
        NotFiniteError: a number is not finite.
        ValueError: the device tells a metric that is not registered, or that is not its to tell.
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
    """Join a metric over the tasks that have it; a first one that only warms up is left out."""
    warm = tasks[1:] or tasks if metric.warms_up else tasks
    read = [task.value(metric.per_task or metric.name) for task in warm]
    known = [value for value in read if value is not None]
    if not known:
        return None
    return max(known) if metric.aggregate == "largest" else fmean(known)


def _machine_readings(session: Session, *, fitted: bool) -> Mapping[str, float | None]:
    """Return what this machine tells, where it is the device: only what it can tell."""
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
