"""A job on another machine: images, cache and checkpoint are where that one has them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from harness.executors.dask.errors import RefusedError
from harness.pretraining.checkpoint import find_checkpoint
from harness.pretraining.store import FOLDER
from harness.runtime.files import write_whole
from harness.runtime.job import LessonsJob, TrialJob
from harness.runtime.user_cache import user_cache

__all__ = ["settle", "take_checkpoint"]

J = TypeVar("J", TrialJob, LessonsJob)


def settle(job: J) -> J:
    """Return the job with folders of this machine.

    Its own HARNESS_CACHE and HARNESS_DATA go first. Without them the cache is the user's, and
    images are where the run has them, if there is such a folder here.
    """
    cache_root = Path(os.environ.get("HARNESS_CACHE") or user_cache())
    data_root = os.environ.get("HARNESS_DATA") or job.data_root
    there = data_root is not None and Path(data_root).is_dir()
    update: dict[str, Path | None] = {
        "cache_root": cache_root,
        "data_root": Path(data_root) if data_root is not None and there else None,
    }
    if isinstance(job, TrialJob) and job.pretraining is not None and job.checkpoint is not None:
        update["checkpoint"] = cache_root / FOLDER / job.pretraining.file_name
    return job.model_copy(update=update)


def take_checkpoint(job: TrialJob, content: bytes | None) -> bool:
    """See to it that the job's checkpoint is here; return whether it is.

    Args:
        job: with folders of this machine.
        content: the checkpoint's bytes, if they have come along; they are kept for other trials.

    Raises:
        RefusedError: what came along is not the checkpoint.
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
        raise RefusedError(f"checkpoint {job.checkpoint.name} arrived damaged; start the run again")
    return True
