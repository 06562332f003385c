"""What a worker makes sure of before it starts: that code and images are those of the plan."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path

from harness.contracts import DataRequest, Dataset
from harness.executors.dask.code_version import check_code, code_of
from harness.executors.dask.errors import RefusedError
from harness.executors.dask.messages import LessonOrder, Order
from harness.experiment.trial import DatasetIdentity
from harness.plugins.loading import load_plugins
from harness.plugins.selection import recreate
from harness.runtime.job import LessonsJob, TrialJob

__all__ = ["check"]

# Workers may be threads of one process, and while a plugin is loaded, what it prints is kept off
# standard output: two at once would leave the whole process without one.
_one_at_a_time = threading.Lock()


def check(order: Order | LessonOrder, job: TrialJob | LessonsJob) -> None:
    """Compare code and images with those that the trial was planned with.

    Args:
        order: what came.
        job: the same job, with the folders of this machine.

    Raises:
        HarnessError: something differs or is not there; the message says what.
    """
    with _one_at_a_time:
        _check(order, job)


def _check(order: Order | LessonOrder, job: TrialJob | LessonsJob) -> None:
    dataset, data_root = job.dataset, job.data_root
    check_code(order.code, _code_here(order.run, job.method_name, dataset.name))
    folders = (None if data_root is None else str(data_root), str(job.cache_root))
    here = _fingerprint_here(order.run, dataset.model_dump_json(), *folders)
    if here != dataset.fingerprint:
        raise RefusedError(
            f"data set '{dataset.name}' has the fingerprint {here[:12]} here, but the run "
            f"was planned with {dataset.fingerprint[:12]}; have the same images on both"
        )


# Both are looked at once a run: between two trials of a run nobody should change them.


@lru_cache(maxsize=64)
def _code_here(_run: str, method: str, dataset: str) -> dict[str, str]:
    return code_of(load_plugins(), method, dataset)


@lru_cache(maxsize=64)
def _fingerprint_here(_run: str, identity: str, data_root: str | None, cache_root: str) -> str:
    """Prepare a data set, and return its fingerprint."""
    wanted = DatasetIdentity.model_validate_json(identity)
    provider = recreate(load_plugins(), "dataset", wanted.name, wanted.params).create()
    folder = None if data_root is None else Path(data_root)
    dataset: Dataset = provider.prepare(DataRequest(folder, Path(cache_root), lambda _: None))
    return dataset.fingerprint
