"""Has one task of a pretraining learned where Dask has sent it."""

from __future__ import annotations

import math
from typing import Literal

from harness.executors.dask.checks import check
from harness.executors.dask.folders import settle
from harness.executors.dask.machine import Machine, guarded, machine_at
from harness.executors.dask.messages import LessonAnswer, LessonOrder
from harness.executors.dask.place import WorkerPlace
from harness.pretraining.meta_task_request import LessonFailedError, Lessons

__all__ = ["learn"]

METRICS: tuple[Literal["loss", "accuracy"], ...] = ("loss", "accuracy")


def learn(order_json: str, state: bytes) -> tuple[str, bytes]:
    """Have the task of a `LessonOrder` learned; return a `LessonAnswer`, whatever happens.

    Args:
        order_json: the order.
        state: the tensors to start from, see `harness.runtime.arrays`.

    Returns:
        The answer as JSON, and the tensors that the task has led to; none but if it was learned.
    """
    place = WorkerPlace.here()

    def work() -> tuple[LessonAnswer, bytes]:
        order = LessonOrder.model_validate_json(order_json)
        with machine_at(place.address) as machine:
            return _learn(order, state, place, machine)

    def other(kind: str, reason: str) -> tuple[LessonAnswer, bytes]:
        told = {"kind": kind, "worker": place.address, "reason": reason}
        return LessonAnswer.model_validate(told), b""

    answer, parameters = guarded(work, other)
    return answer.model_dump_json(), parameters


def _learn(
    order: LessonOrder, state: bytes, place: WorkerPlace, machine: Machine
) -> tuple[LessonAnswer, bytes]:
    job = settle(order.job)
    check(order, job)
    pupil = machine.pupil(order.run, job, place.abandonment(order.patience_s))
    try:
        learned = pupil.learn(Lessons(order.meta_epoch, [order.task], state))
    except LessonFailedError as failure:
        failed = LessonAnswer(
            kind="failed", worker=place.address, outcome=failure.outcome, log=failure.log
        )
        return failed, b""
    loss, accuracy = (_finite(learned.metrics[name]) for name in METRICS)
    answer = LessonAnswer(kind="learned", worker=place.address, loss=loss, accuracy=accuracy)
    return answer, learned.parameters


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
