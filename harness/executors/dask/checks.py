"""Checks on a worker before a trial: its own folders, and the same code and images as planned."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from harness import __version__
from harness.contracts import DataRequest, Dataset
from harness.executors.dask.connection import WorkerRefusalError
from harness.experiment.trial import DatasetIdentity
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.registry import Entry, Kind
from harness.plugins.selection import recreate
from harness.pretraining.checkpoint import find_checkpoint
from harness.pretraining.store import FOLDER
from harness.runtime.job import MetaWorkerJob, TrialJob
from harness.runtime.sources import files_of
from harness.system.files import write_whole
from harness.system.folders import expanded, user_cache

__all__ = ["check", "check_code", "code_of", "settle", "take_checkpoint"]

# Workers may be threads of one process. While a plugin loads, standard output is replaced: two
# threads at once could leave the process without one.
_one_at_a_time = threading.Lock()


def check(run: str, code: Mapping[str, str], job: TrialJob | MetaWorkerJob) -> None:
    """Compare code and images with those that the trial was planned with.

    Args:
        run: the name of the job's run.
        code: what the run was planned with.
        job: with the folders of this machine.

    Raises:
        HarnessError: something differs or is missing; the message says what.
    """
    with _one_at_a_time:
        _check(run, code, job)


def _check(run: str, code: Mapping[str, str], job: TrialJob | MetaWorkerJob) -> None:
    dataset, data_root = job.dataset, job.data_root
    check_code(code, _code_here(run, job.method_name, dataset.name))
    folders = (None if data_root is None else str(data_root), str(job.cache_root))
    here = _fingerprint_here(run, dataset.model_dump_json(), *folders)
    if here != dataset.fingerprint:
        raise WorkerRefusalError(
            f"data set '{dataset.name}' has the fingerprint {here[:12]} here, but the run "
            f"was planned with {dataset.fingerprint[:12]}; use the same images on both"
        )


# Cached by run: nobody should change code or images between two trials of a run.


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


SUFFIXES = {".py", ".toml"}  # a device's profile travels with its trial, what reads it does not


def code_of(plugins: Plugins, method: str, dataset: str) -> dict[str, str]:
    """Return the versions of the harness and of both plugins, as `VERSION (DIGEST)`.

    Raises:
        HarnessError: no plugin has such a name.
    """
    code = {"harness": f"{__version__} ({_digest('harness')})"}
    names: list[tuple[Kind, str]] = [("method", method), ("dataset", dataset)]
    for kind, name in names:
        entry = plugins.registry.get(kind, name)
        code[str(entry)] = _version(entry)
    return code


def check_code(planned: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Compare the code that a trial was planned with and the code that is here.

    Raises:
        WorkerRefusalError: they differ; the message names the first difference.
    """
    for what, version in planned.items():
        if here.get(what) != version:
            raise WorkerRefusalError(
                f"{what} is {here.get(what, 'not there')} here, but the run was planned with "
                f"{version}; install the same code on both"
            )


def _version(entry: Entry) -> str:
    package = entry.target.partition(":")[0].partition(".")[0]
    return f"{entry.distribution} {entry.version} ({_digest(package)})"


def _digest(package: str) -> str:
    """Return twelve digits of the SHA-256 of a top-level package's sources, paths included."""
    total = hashlib.sha256()
    for name, path in sorted(files_of(package, SUFFIXES).items()):
        total.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:12]


J = TypeVar("J", TrialJob, MetaWorkerJob)


def settle(job: J) -> J:
    """Return the job with folders of this machine.

    This machine's HARNESS_CACHE and HARNESS_DATA take precedence. Without them, the cache is the
    user's, and images are in the folder that the run names, if it exists here.
    """
    cache_root = expanded(Path(os.environ.get("HARNESS_CACHE") or user_cache()))
    data_root = os.environ.get("HARNESS_DATA") or job.data_root
    data_root = None if data_root is None else expanded(Path(data_root))
    there = data_root is not None and data_root.is_dir()
    update: dict[str, Path | None] = {
        "cache_root": cache_root,
        "data_root": data_root if there else None,
    }
    if isinstance(job, TrialJob) and job.pretraining is not None and job.checkpoint is not None:
        update["checkpoint"] = cache_root / FOLDER / job.pretraining.file_name
    return job.model_copy(update=update)


def take_checkpoint(job: TrialJob, content: bytes | None) -> bool:
    """Store the job's checkpoint if it came along; return whether it is here.

    Args:
        job: with folders of this machine.
        content: the checkpoint's bytes, if they have come along; they are kept for other trials.

    Raises:
        WorkerRefusalError: what came along is not the checkpoint.
    """
    if job.checkpoint is None or job.pretraining is None:
        return True
    if find_checkpoint(job.checkpoint, job.pretraining) is not None:
        return True
    if content is None:
        return False
    job.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    write_whole(job.checkpoint, content)
    if find_checkpoint(job.checkpoint, job.pretraining) is None:
        raise WorkerRefusalError(
            f"checkpoint {job.checkpoint.name} arrived damaged; start the run again"
        )
    return True
