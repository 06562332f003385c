"""The two functions that Dask calls on a worker: each runs a trial or a meta-task in a process."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from harness.executors.base import TrialDelivery
from harness.executors.dask.checks import check, settle, take_checkpoint
from harness.executors.dask.meta_worker import (
    WorkerContext,
    WorkerMachine,
    end_of,
    guarded,
    machine_at,
)
from harness.executors.dask.protocol import LearnReply, LearnRequest, TrialReply, TrialRequest
from harness.experiment.outcome import TrialClock
from harness.results.run_files import Step
from harness.runtime.job import TrialJob
from harness.runtime.meta_tasks import MetaTaskFailedError, MetaTaskRequest
from harness.runtime.process import ProcessLauncher

__all__ = ["learn", "perform"]

TELL_EVERY_S = 0.5


def perform(request_json: str, checkpoint: bytes | None = None) -> str:
    """Run the trial of a `TrialRequest`; return a `TrialReply` even if it fails. Both are JSON.

    Args:
        request_json: the request.
        checkpoint: the bytes of the file that the trial starts from, if they were asked for.
    """
    context = WorkerContext.here()

    def work() -> TrialReply:
        request = TrialRequest.model_validate_json(request_json)
        with machine_at(context.address) as machine:
            machine.dismiss()  # a process that learned offline takes memory
            return _answer(request, checkpoint, context)

    def other(kind: str, reason: str) -> TrialReply:
        return TrialReply.model_validate(
            {"kind": kind, "worker": context.address, "reason": reason}
        )

    return guarded(work, other).model_dump_json()


def _answer(request: TrialRequest, checkpoint: bytes | None, context: WorkerContext) -> TrialReply:
    job = settle(request.job)
    check(request.run, request.code, job)
    if not take_checkpoint(job, checkpoint):
        return TrialReply(kind="wants_checkpoint", worker=context.address)
    return TrialReply(kind="delivery", worker=context.address, delivery=_run(request, job, context))


def _run(request: TrialRequest, job: TrialJob, context: WorkerContext) -> TrialDelivery:
    processes = ProcessLauncher(context.abandonment(request.patience_s))
    rows: list[Step] = []
    tell = _progress_now_and_then(context, request)

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] == "step":
            rows.append(_row(event))
        tell(event)

    clock = TrialClock()
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        log = Path(folder) / "log.txt"
        outcome = processes.run(job, log, on_event)
        timed = clock.timed(outcome)
        return TrialDelivery(**dict(timed), steps=rows, log=end_of(log))


def _row(event: dict[str, Any]) -> Step:
    """Return a step with its finite numbers; all other values are missing."""
    numbers = {
        key: value if isinstance(value, (int, float)) and math.isfinite(value) else None
        for key, value in event.items()
        if key != "event"
    }
    return Step.model_validate(numbers)


def _progress_now_and_then(
    context: WorkerContext, request: TrialRequest
) -> Callable[[dict[str, Any]], None]:
    last = 0.0

    def tell(event: dict[str, Any]) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_EVERY_S:
            last = time.monotonic()
            context.tell(request.run, json.dumps({"key": request.job.trial.key, "event": event}))

    return tell


METRICS: tuple[Literal["loss", "accuracy"], ...] = ("loss", "accuracy")


def learn(request_json: str, state: bytes) -> tuple[str, bytes]:
    """Have the task of a `LearnRequest` learned; return a `LearnReply` even if that fails.

    Args:
        request_json: the request.
        state: the tensors to start from, see `harness.pretraining.checkpoint`.

    Returns:
        The reply as JSON, and the tensors that the task led to; no bytes if it was not learned.
    """
    context = WorkerContext.here()

    def work() -> tuple[LearnReply, bytes]:
        request = LearnRequest.model_validate_json(request_json)
        with machine_at(context.address) as machine:
            return _learn(request, state, context, machine)

    def other(kind: str, reason: str) -> tuple[LearnReply, bytes]:
        told = {"kind": kind, "worker": context.address, "reason": reason}
        return LearnReply.model_validate(told), b""

    answer, parameters = guarded(work, other)
    return answer.model_dump_json(), parameters


def _learn(
    request: LearnRequest, state: bytes, context: WorkerContext, machine: WorkerMachine
) -> tuple[LearnReply, bytes]:
    job = settle(request.job)
    check(request.run, request.code, job)
    meta_worker = machine.meta_worker(request.run, job, context.abandonment(request.patience_s))
    try:
        learned = meta_worker.learn(MetaTaskRequest(request.meta_epoch, [request.task], state))
    except MetaTaskFailedError as failure:
        failed = LearnReply(
            kind="failed", worker=context.address, outcome=failure.outcome, log=failure.log
        )
        return failed, b""
    loss, accuracy = (_finite(learned.metrics[name]) for name in METRICS)
    answer = LearnReply(kind="learned", worker=context.address, loss=loss, accuracy=accuracy)
    return answer, learned.parameters


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
