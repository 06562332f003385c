"""What a trial is judged by, each number with its unit and its source."""

from __future__ import annotations

import sys
from statistics import fmean

from harness.cost_model.profile import Prediction
from harness.measure.memory import MIB
from harness.results.record import Metric, TaskResult
from harness.trials.session import Session

__all__ = ["metrics_of"]


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
    emulated = session.trial.device.mode == "emulated"
    source = session.trial.device.mode
    peak = session.peak_bytes if fitted else None
    metrics = {
        "peak_memory": Metric(value=_mib(peak), unit="MiB", source=source),
        "storage": Metric(value=_mib(session.storage_bytes), unit="MiB", source=source),
        "accuracy": Metric(value=_accuracy(session.tasks), unit="%", source=source),
        "search_time": _predicted(predicted) if emulated else _measured(session.tasks),
    }
    if not emulated:
        metrics |= _machine_readings(session, fitted=fitted)
    return metrics


def _measured(tasks: list[TaskResult]) -> Metric:
    return Metric(value=_search_time(tasks), unit="s", source="measured")


def _predicted(time: Prediction | None) -> Metric:
    if time is None:
        return Metric(value=None, unit="s", source="predicted")
    return Metric(
        value=time.value_s, unit="s", source="predicted", low=time.low_s, high=time.high_s
    )


def _mib(size: int | None) -> float | None:
    return None if size is None else size / MIB


def _accuracy(tasks: list[TaskResult]) -> float | None:
    return fmean(task.accuracy for task in tasks) if tasks else None


def _search_time(tasks: list[TaskResult]) -> float | None:
    """Seconds for one task's search steps."""
    warm = _warm(tasks)
    return fmean(task.search_s for task in warm) if warm else None


def _energy(tasks: list[TaskResult]) -> float | None:
    """Joules for one task's search steps, over the tasks whose energy could be read."""
    read = [task.energy_j for task in _warm(tasks) if task.energy_j is not None]
    return fmean(read) if read else None


def _warm(tasks: list[TaskResult]) -> list[TaskResult]:
    """Leave out the first task, which only warms up, if there are others."""
    return tasks[1:] or tasks


def _machine_readings(session: Session, *, fitted: bool) -> dict[str, Metric]:
    """What this machine tells, where it is the device: only what it can tell."""
    peaks = session.readings.memory_bytes()
    values = {
        "process_peak_rss": _mib(_peak_rss_bytes()),
        **{name: _mib(size) if fitted else None for name, size in peaks.items()},
    }
    metrics = {
        name: Metric(value=value, unit="MiB", source="measured") for name, value in values.items()
    }
    if session.readings.reads_energy:
        metrics["energy"] = Metric(value=_energy(session.tasks), unit="J", source="measured")
    return metrics


def _peak_rss_bytes() -> int | None:
    try:
        import resource  # noqa: PLC0415 - not on Windows, where the reading is null
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
