"""Tasks of a meta-epoch are handed to workers, and what comes back is taken once and checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.executors.dask.connection import FleetError
from harness.executors.dask.executor import DaskMetaTaskExecutor
from harness.executors.dask.protocol import LearnReply, LearnRequest, RunProtocol
from harness.experiment.outcome import Outcome, TrialError
from harness.experiment.pretraining import pretraining_of
from harness.plugins.loading import load_plugins
from harness.pretraining.checkpoint import pack
from harness.runtime.job import PretrainingJob, TrialJob
from harness.runtime.meta_tasks import MetaTaskFailedError, MetaTaskRequest, MetaTaskResult
from tests.executors.scripted import KilledWorker, Link

pytestmark = pytest.mark.usefixtures("scripted_dask")

Planned = Callable[..., list[TrialJob]]

BUDGET = "search_steps=1,tasks=1,meta_epochs=1,warmup_epochs=0"


def learned(order_json: str, shape: tuple[int, ...] = (2, 3)) -> tuple[str, bytes]:
    """What a worker answers when all goes well."""
    task = LearnRequest.model_validate_json(order_json).task
    return answer("learned", loss=float(task)), pack({"w": np.full(shape, task, np.float32)})


def answer(kind: Any, **fields: Any) -> str:
    """An answer of some kind, as JSON."""
    told = LearnReply(kind=kind, worker="tcp://w:1", accuracy=50.0, **fields)
    return told.model_dump_json()


def taught(
    planned: Planned, *fates: Any, is_wanted: Callable[[], bool] = lambda: True
) -> tuple[list[MetaTaskResult], Link, list[str]]:
    """What becomes of three tasks, of which the first ones meet these fates."""
    (trial_job,) = planned(1, methods=["learner"], budget=BUDGET)
    trial = trial_job.trial
    pretraining = pretraining_of(trial, {})
    assert pretraining is not None
    job = PretrainingJob(
        pretraining=pretraining,
        params=trial.method.params,
        torch_device="cpu",
        checkpoint=trial_job.cache_root / "one.safetensors",
        data_root=None,
        cache_root=trial_job.cache_root,
    )
    link, said = Link(*fates, answer=learned), list[str]()
    protocol = RunProtocol(load_plugins(), patience_s=1.0)
    executor = DaskMetaTaskExecutor(link, protocol)  # type: ignore[arg-type]
    request = MetaTaskRequest(0, range(3), b"state")
    return list(executor.learn(job, trial.device, request, is_wanted, said.append)), link, said


def test_every_task_comes_home_once(planned: Planned) -> None:
    """Each is sent with the state, and what it led to is given under its number."""
    came, link, _ = taught(planned)
    assert sorted((each.task, each.metrics["loss"]) for each in came) == [(0, 0), (1, 1), (2, 2)]
    assert link.client.sent == [b"state"] * 3
    assert len(set(link.client.keys)) == 3


@pytest.mark.parametrize("fate", [(answer("abandoned"), b""), None])
def test_a_task_that_was_abandoned_is_handed_out_anew(planned: Planned, fate: Any) -> None:
    """Where a worker thought that nobody waited, the task is another one of Dask's."""
    came, link, _ = taught(planned, fate)
    assert sorted(each.task for each in came) == [0, 1, 2]
    assert len(set(link.client.keys)) == 4


def test_a_method_that_fails_is_not_tried_again(planned: Planned) -> None:
    """Its error is that of the pretraining, with what the worker's process printed."""
    error = TrialError(type="ValueError", message="a mistake", stage="pretraining")
    failed = answer("failed", outcome=Outcome(status="error", error=error), log="a traceback")
    with pytest.raises(MetaTaskFailedError) as failure:
        taught(planned, (failed, b""))
    assert failure.value.outcome.error == error
    assert failure.value.log == "a traceback"


def test_a_task_that_kills_its_workers_can_be_tried_later(planned: Planned) -> None:
    """After four workers the pretraining is interrupted, which is no final outcome."""
    with pytest.raises(
        MetaTaskFailedError, match="4 workers were lost while they ran it"
    ) as failure:
        taught(planned, KilledWorker())
    assert failure.value.outcome.status == "interrupted"


@pytest.mark.parametrize(
    ("fate", "says"),
    [
        ((answer("refusal", reason="harness is 1 here"), b""), "cannot learn for .*harness is 1"),
        ("{}", "is not a record of this harness"),
        ((answer("learned", loss=1.0), b"no tensors"), "cannot be used: these bytes are no"),
        (('{"kind": "failed", "worker": "w"}', b""), "a failure without an outcome"),
        (lambda order: learned(order, (3,)), "'w' as float32 .2, 3., while another task led to"),
        (ModuleNotFoundError("No module named 'harness'"), "install the same onnas-harness there"),
    ],
)
def test_what_no_worker_should_say_ends_it(planned: Planned, fate: Any, says: str) -> None:
    """A refusal, an answer that is none, and tensors unlike the others are errors for a person."""
    with pytest.raises(FleetError, match=says):
        taught(planned, fate)


def test_when_nobody_waits_nothing_is_handed_out(planned: Planned) -> None:
    """A pretraining that was interrupted ends its lessons, too."""
    came, link, _ = taught(planned, is_wanted=lambda: False)
    assert (came, link.client.keys) == ([], [])
