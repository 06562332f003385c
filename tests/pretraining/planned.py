"""What a run would plan, for tests that do a part of it themselves."""

from __future__ import annotations

from pathlib import Path

from harness.contracts import DataRequest
from harness.experiment.suite import SuiteEntry
from harness.experiment.trial import Trial
from harness.planning.planner import Planner
from harness.plugins.loading import load_plugins
from harness.pretraining.store import CheckpointStore
from harness.runtime.job import PretrainingJob

__all__ = ["planned"]


def planned(checkpoint: Path, method: str, budget: str) -> tuple[Trial, PretrainingJob]:
    """A trial on the random images of the plugin, and the job to pretrain its method.

    The cache is beside the checkpoint.
    """
    plugins, cache = load_plugins(), checkpoint.parent / "cache"
    entry = SuiteEntry(methods=[method], datasets=["dots"], budget=budget)
    (trial,) = Planner(plugins, DataRequest(None, cache, print)).trials([entry])
    pretraining = CheckpointStore(plugins, None, cache).identify(trial)
    assert pretraining is not None
    return trial, PretrainingJob(
        pretraining=pretraining,
        params=trial.method.params,
        torch_device="cpu",
        checkpoint=checkpoint,
        data_root=None,
        cache_root=cache,
    )
