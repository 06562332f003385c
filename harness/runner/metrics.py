"""What a trial is judged by, each number with its unit and its source."""

from __future__ import annotations

import sys
from statistics import fmean

import torch

from harness.experiment.record import Metric, TaskResult
from harness.measure.memory import MIB
from harness.runner.session import Session

__all__ = ["metrics_of"]


def metrics_of(session: Session, *, fitted: bool) -> dict[str, Metric]:
    """Return the metrics of what has been done so far.

    On an emulated device memory is counted and accuracy computed on this machine: both are marked
    emulated. Its time cannot be read here, so it is null, to be predicted.

    Args:
        session: the trial, finished or broken off.
        fitted: whether the device held it; if not, its peak is unknown, not the limit.
    """
    emulated = session.trial.device.mode == "emulated"
    source = session.trial.device.mode
    peak = session.peak_bytes if fitted else None
    metrics = {
        "peak_memory": Metric(value=_mib(peak), unit="MiB", source=source),
        "storage": Metric(value=_mib(session.storage_bytes), unit="MiB", source=source),
        "accuracy": Metric(value=_accuracy(session.tasks), unit="%", source=source),
        "search_time": Metric(
            value=None if emulated else _search_time(session.tasks),
            unit="s",
            source="predicted" if emulated else "measured",
        ),
    }
    if not emulated:
        metrics |= _machine_readings(session.device)
    return metrics


def _mib(size: int | None) -> float | None:
    return None if size is None else size / MIB


def _accuracy(tasks: list[TaskResult]) -> float | None:
    return fmean(task.accuracy for task in tasks) if tasks else None


def _search_time(tasks: list[TaskResult]) -> float | None:
    """Seconds for one task's search steps; the first task only warms up, if there are others."""
    warm = tasks[1:] or tasks
    return fmean(task.search_s for task in warm) if warm else None


def _machine_readings(device: torch.device) -> dict[str, Metric]:
    readings = {"process_peak_rss": _mib(_peak_rss_bytes())}
    if device.type == "cuda":
        readings["allocator_peak"] = _mib(torch.cuda.max_memory_allocated(device))
        readings["reserved_peak"] = _mib(torch.cuda.max_memory_reserved(device))
    return {
        name: Metric(value=value, unit="MiB", source="measured") for name, value in readings.items()
    }


def _peak_rss_bytes() -> int | None:
    try:
        import resource  # noqa: PLC0415 - not on Windows, where the reading is null
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
