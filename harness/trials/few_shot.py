"""The few-shot protocol: on each task a fresh method, its search steps, then the query images."""

from __future__ import annotations

import gc
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from harness.contracts import Batch, Dataset, Episode, SearchBatch, SearchContext, SearchMethod
from harness.experiment.setting import FewShotSetting
from harness.results.record import TaskResult
from harness.runtime.seeding import seed_for
from harness.trials.session import Session

__all__ = ["batches", "draw", "run_few_shot"]


def run_few_shot(
    session: Session,
    setting: FewShotSetting,
    dataset: Dataset,
    create: Callable[[], SearchMethod],
) -> None:
    """Run the budget's tasks; results gather in the session.

    Episode i is the same for every method on every device (paper, section 6.2: test tasks).
    """
    for index in range(session.trial.budget.tasks):
        session.stage, session.where = "data", f"task {index + 1}"
        with session.reading():
            episode = draw(dataset, setting, session.trial.seed, index)
        _run_task(session, setting, episode, create(), index)
        # A method may leave reference cycles behind; its memory must not be the next one's.
        gc.collect()


def _run_task(
    session: Session, setting: FewShotSetting, episode: Episode, method: SearchMethod, index: int
) -> None:
    counter = session.counter
    with session.counting:
        session.build(method, _context(session, setting, episode, index))
        with session.reading():
            support = batches(
                episode.support_images, episode.support_labels, setting.batch_size, session.device
            )
            counter.watch(support)
        session.seed("search", index)
        pairs = [SearchBatch(weights=batch, architecture=batch) for batch in support]
        seconds, peak = 0.0, 0
        for step in range(session.trial.budget.search_steps):
            seconds += session.search_step(method, pairs, index, step)
            peak = max(peak, counter.peak_bytes)
            session.used.search_steps = max(session.used.search_steps, step + 1)
        with session.reading():
            order = _query_order(session.trial.seed, index, len(episode.query_labels))
            images, labels = episode.query_images[order], episode.query_labels[order]
            queries = batches(images, labels, setting.batch_size, session.device)
        accuracy = session.accuracy(method, queries)
    session.conclude(method)
    session.tasks.append(
        TaskResult(
            index=index,
            accuracy=accuracy,
            search_s=seconds,
            peak_memory_bytes=peak if session.trial.counts_memory else None,
            energy_j=session.readings.energy_j(index),
            metrics=session.reported,
        )
    )
    session.used.tasks += 1


def _context(
    session: Session, setting: FewShotSetting, episode: Episode, index: int
) -> SearchContext:
    budget = session.trial.budget
    _, channels, height, width = episode.support_images.shape
    return SearchContext(
        image_shape=(channels, height, width),
        classes=setting.ways,
        channels=budget.channels or setting.default_channels,
        budget=budget,
        steps=budget.search_steps,
        device=session.device,
        generator=session.seed("method", index),
        initial_state=session.initial_state,
        operation_latency=session.operation_latency,
    )


def _query_order(seed: int, index: int, images: int) -> NDArray[np.int64]:
    """Return an order for query images (images,), so that a place among them tells no label."""
    random = np.random.default_rng(seed_for(seed, "order of queries", index))
    return random.permutation(images)


def draw(dataset: Dataset, setting: FewShotSetting, seed: int, index: int) -> Episode:
    """Return episode `index` of a setting."""
    return dataset.episode(
        setting.split,
        ways=setting.ways,
        shots=setting.shots,
        queries=setting.queries,
        seed=seed,
        index=index,
    )


def batches(
    images: NDArray[np.float32], labels: NDArray[np.int64], size: int, device: torch.device
) -> list[Batch]:
    """Cut images (N, channels, height, width) and labels (N,) into batches on the device."""
    return [
        Batch(
            torch.from_numpy(images[start : start + size]).to(device),
            torch.from_numpy(labels[start : start + size]).to(device),
        )
        for start in range(0, len(images), size)
    ]
