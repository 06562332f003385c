"""The full-task protocol: epochs over one training set, test accuracy once, at the end.

α learns from one half of the training images and w from the other (DARTS, section 2.3); one epoch
is one search step. The halves are drawn once, from the trial's seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from harness.contracts import Batch, Dataset, ImageSet, SearchBatch, SearchContext, SearchMethod
from harness.experiment.setting import FullTaskSetting
from harness.results.record import TaskResult
from harness.runtime.seeding import seed_for
from harness.trials.session import Session

__all__ = ["run_full_task"]


def run_full_task(
    session: Session,
    setting: FullTaskSetting,
    dataset: Dataset,
    create: Callable[[], SearchMethod],
) -> None:
    """Run the budget's epochs; the result gathers in the session as its only task."""
    session.stage, session.where = "data", "the training set"
    with session.reading():
        train, test = dataset.images("train"), dataset.images(setting.split)
    method, budget = create(), session.trial.budget
    context = SearchContext(
        image_shape=dataset.image_shape,
        classes=dataset.splits["train"].classes,
        channels=budget.channels or setting.default_channels,
        budget=budget,
        steps=budget.epochs,
        device=session.device,
        generator=session.seed("method", 0),
        operation_latency=session.operation_latency,
    )
    random = np.random.default_rng(seed_for(session.trial.seed, "full task"))
    halves = np.array_split(random.permutation(len(train)), 2)
    seconds, peak = 0.0, 0
    with session.counting:
        session.build(method, context)
        session.seed("search", 0)
        for epoch in range(budget.epochs):
            order = [random.permutation(half) for half in halves]
            pairs = _pairs(session, train, order, setting.batch_size)
            seconds += session.search_step(method, pairs, 0, epoch)
            peak = max(peak, session.counter.peak_bytes)
            session.used.epochs = epoch + 1
        # In an order that tells no label: data sets have their images class by class.
        everything = _batches(session, test, random.permutation(len(test)), setting.batch_size)
        accuracy = session.accuracy(method, everything)
    session.conclude(method)
    session.tasks.append(
        TaskResult(
            index=0,
            accuracy=accuracy,
            search_s=seconds,
            peak_memory_bytes=peak if session.trial.counts_memory else None,
            energy_j=session.readings.energy_j(0),
            metrics=session.reported,
        )
    )
    session.used.tasks = 1


def _pairs(
    session: Session, train: ImageSet, halves: list[NDArray[np.int64]], size: int
) -> Iterator[SearchBatch]:
    """Pair each batch for w with one for α; at odd sizes w's last image has no partner."""
    weights, architecture = (_batches(session, train, half, size) for half in halves)
    for batch, partner in zip(weights, architecture, strict=False):
        yield SearchBatch(weights=batch, architecture=partner)


def _batches(
    session: Session, images: ImageSet, indices: NDArray[np.int64], size: int
) -> Iterator[Batch]:
    for start in range(0, len(indices), size):
        pixels, labels = images.batch(indices[start : start + size])
        batch = Batch(
            torch.from_numpy(pixels).to(session.device), torch.from_numpy(labels).to(session.device)
        )
        session.counter.watch(batch)
        yield batch
