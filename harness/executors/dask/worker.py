"""Runs one trial where Dask has sent it, in a process of its own as everywhere."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.executors.base import Delivery
from harness.executors.dask.checks import check
from harness.executors.dask.folders import settle, take_checkpoint
from harness.executors.dask.logs import end_of
from harness.executors.dask.machine import guarded, machine_at
from harness.executors.dask.messages import Answer, Order
from harness.executors.dask.place import WorkerPlace
from harness.results.run_files import Step
from harness.runtime.job import TrialJob
from harness.runtime.process import TrialProcesses
from harness.trials.timed_outcome import Clock

__all__ = ["perform"]

NEWS_EVERY_S = 0.5


def perform(order_json: str, checkpoint: bytes | None = None) -> str:
    """Run the trial of an `Order`; return an `Answer`, whatever happens. Both are JSON.

    Args:
        order_json: the order.
        checkpoint: the bytes of the file that the trial starts from, if they were asked for.
    """
    place = WorkerPlace.here()

    def work() -> Answer:
        order = Order.model_validate_json(order_json)
        with machine_at(place.address) as machine:
            machine.dismiss()  # a process that learned offline takes memory
            return _answer(order, checkpoint, place)

    def other(kind: str, reason: str) -> Answer:
        return Answer.model_validate({"kind": kind, "worker": place.address, "reason": reason})

    return guarded(work, other).model_dump_json()


def _answer(order: Order, checkpoint: bytes | None, place: WorkerPlace) -> Answer:
    job = order.job if order.same_machine else settle(order.job)
    check(order, job)
    if not order.same_machine and not take_checkpoint(job, checkpoint):
        return Answer(kind="wants_checkpoint", worker=place.address)
    return Answer(kind="delivery", worker=place.address, delivery=_run(order, job, place))


def _run(order: Order, job: TrialJob, place: WorkerPlace) -> Delivery:
    processes = TrialProcesses(place.abandonment(order.patience_s))
    rows: list[Step] = []
    tell = _told_now_and_then(place, order)

    def on_event(event: dict[str, Any]) -> None:
        rows.append(_row(event))
        tell(event)

    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        log = Path(folder) / "log.txt"
        outcome = processes.run(job, log, on_event)
        ending = clock.ending(outcome)
        return Delivery(**dict(ending), steps=rows, log=end_of(log))


def _row(event: dict[str, Any]) -> Step:
    """Take over the numbers of a step; what is none, or not finite, is missing."""
    numbers = {
        key: value if isinstance(value, (int, float)) and math.isfinite(value) else None
        for key, value in event.items()
        if key != "event"
    }
    return Step.model_validate(numbers)


def _told_now_and_then(place: WorkerPlace, order: Order) -> Callable[[dict[str, Any]], None]:
    last = 0.0

    def tell(event: dict[str, Any]) -> None:
        nonlocal last
        if time.monotonic() - last >= NEWS_EVERY_S:
            last = time.monotonic()
            place.tell(order.run, json.dumps({"key": order.job.trial.key, "event": event}))

    return tell
