"""Few-shot trials: on each task a fresh method, its search steps, then the query images."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.contracts import (
    Dataset,
    Episode,
    SearchBatch,
    SearchContext,
    SearchMethod,
)
from harness.experiment.outcome import TaskResult
from harness.experiment.setting import FewShotSetting
from harness.loop.episode import (
    MethodDriver,
    draw,
    first_answers,
    groups_of,
    percent_right,
    predict_together,
    run_episode,
)
from harness.runtime.determinism import seed_for
from harness.trials.models import MOST_EXAMPLES, keep_examples, keep_model
from harness.trials.session import Session

__all__ = ["CreateMethod", "TaskDriver", "context_of", "run_few_shot"]

CreateMethod = Callable[[], SearchMethod]


class TaskDriver(MethodDriver):
    """Calls the method of one task through the trial's session, which times, counts and limits."""

    def __init__(self, session: Session, index: int) -> None:
        """Start the task of number `index`."""
        super().__init__(session.trial.seed, index)
        self._session, self._task = session, index
        self._seconds, self._peak_bytes = 0.0, 0

    def build(self, method: SearchMethod, context: SearchContext) -> None:
        """Build the method, within the device's memory."""
        self._session.build(method, context)

    def reading(self) -> AbstractContextManager[None]:
        """Time the reading of images."""
        return self._session.reading()

    def resident(self, support: Sequence[SearchBatch]) -> None:
        """Count the batches' memory."""
        self._session.counter.watch(support)

    def search_step(self, method: SearchMethod, batches: Iterable[SearchBatch], step: int) -> None:
        """Have a search step done, and add its seconds and memory to the task's."""
        self._seconds += self._session.search_step(method, batches, self._task, step)
        self._peak_bytes = max(self._peak_bytes, self._session.counter.peak_bytes)
        used = self._session.used
        if self._session.trial.setting.kind == "full-task":
            used.epochs = step + 1
        else:
            used.search_steps = max(used.search_steps, step + 1)

    def predict(self, method: SearchMethod, images: Tensor) -> Tensor:
        """Return logits that have been checked."""
        return self._session.predict(images, method.predict)

    def predict_together(self, method: SearchMethod, images: Tensor) -> Tensor:
        """Return logits that have been checked."""
        together = super().predict_together
        return self._session.predict(images, lambda group: together(method, group))

    def describe(self, method: SearchMethod) -> None:
        """Note what the method has found, once its search is finished."""
        self._session.conclude(method)

    def conclude(self, accuracy: float, more: Mapping[str, float] | None = None) -> None:
        """Add the task's result to the session, once its method is described.

        Args:
            accuracy: in percent.
            more: further metrics that the harness computes, by name.
        """
        session = self._session
        session.tasks.append(
            TaskResult(
                index=self._task,
                accuracy=accuracy,
                search_s=self._seconds,
                peak_memory_bytes=self._peak_bytes if session.trial.counts_memory else None,
                energy_j=session.readings.energy_j(self._task),
                metrics={**session.reported, **(more or {})},
            )
        )
        session.used.tasks += 1


def run_few_shot(
    session: Session, setting: FewShotSetting, dataset: Dataset, create: CreateMethod
) -> None:
    """Run the budget's tasks; the session collects their results.

    Episode i is the same for every method on every device (paper, section 6.2: test tasks).
    """
    for index in range(session.trial.budget.tasks):
        session.stage, session.where = "data", f"task {index + 1}"
        with session.reading():
            episode = _shuffled(draw(dataset, setting, session.trial.seed, index), session, index)
        method = create()
        answers = _run_task(session, setting, episode, method, index)
        if index == 0:  # as a record has the architecture of the first task
            keep_model(session, method, dataset, episode.query_images[: setting.batch_size])
            keep_examples(session, dataset, _first_judged(setting, episode), answers)
        del method
        # A method may leave reference cycles, whose memory would be counted for the next one.
        gc.collect()


def _run_task(
    session: Session, setting: FewShotSetting, episode: Episode, method: SearchMethod, index: int
) -> list[tuple[int, int]]:
    """Search and judge; return the labels of the first images, true and predicted."""
    budget, driver = session.trial.budget, TaskDriver(session, index)
    with session.counting:
        _, channels, height, width = episode.support_images.shape
        shape, generator = (channels, height, width), session.seed("method", index)
        context = context_of(session, shape, setting.ways, budget.search_steps, generator)
        state, batches = session.initial_state, setting.batches
        context = replace(context, initial_state=state, batches=batches)
        found: dict[str, float] = {}
        first: list[tuple[int, int]] = []
        searched = run_episode(driver, method, context, episode, setting.batch_size)
        alone = percent_right(first_answers(searched, first, MOST_EXAMPLES))
        if setting.evaluation != "inductive":
            of_groups: list[tuple[int, int]] = []
            groups = predict_together(driver, method, episode, session.device)
            together = percent_right(first_answers(groups, of_groups, MOST_EXAMPLES))
            found["transductive_accuracy"] = together
            if setting.evaluation == "transductive":
                first = of_groups
    driver.describe(method)
    if setting.evaluation == "transductive":
        driver.conclude(together)
    else:
        driver.conclude(alone, found)
    return first


def _first_judged(setting: FewShotSetting, episode: Episode) -> NDArray[np.float32]:
    """Return the first images whose predictions count, in the order in which they were judged."""
    order = np.arange(len(episode.query_labels))
    if setting.evaluation == "transductive":
        order = np.concatenate(list(groups_of(episode.query_labels)))
    return episode.query_images[order[:MOST_EXAMPLES]]


def context_of(
    session: Session,
    shape: tuple[int, int, int],
    classes: int,
    steps: int,
    generator: torch.Generator,
) -> SearchContext:
    """Return what a method is told of a task of the session's trial.

    Args:
        session: of the trial.
        shape: of an image: channels, height, width.
        classes: of the task.
        steps: search steps.
        generator: seeded for the task.
    """
    trial = session.trial
    return SearchContext(
        image_shape=shape,
        classes=classes,
        channels=trial.budget.channels or trial.setting.default_channels,
        budget=trial.budget,
        steps=steps,
        device=session.device,
        generator=generator,
        operation_latency=session.operation_latency,
        recipe=trial.setting.recipe,
        space=session.space,
        score=session.score,
    )


def _shuffled(episode: Episode, session: Session, index: int) -> Episode:
    """Return the episode with its query images in random order, so that place tells no label."""
    order = _query_order(session.trial.seed, index, len(episode.query_labels))
    images, labels = episode.query_images[order], episode.query_labels[order]
    return replace(episode, query_images=images, query_labels=labels)


def _query_order(seed: int, index: int, images: int) -> NDArray[np.int64]:
    """Return an order for query images (images,)."""
    random = np.random.default_rng(seed_for(seed, "order of queries", index))
    return random.permutation(images)
