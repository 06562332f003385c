"""The two protocols of a trial: few-shot tasks one after another, and one full task.

Few-shot: on each task a fresh method, its search steps, then the query images. Full task: epochs
over one training set, and test accuracy once, at the end. There, α learns from one half of the
training images and w from the other (DARTS, section 2.3); one epoch is one search step. The halves
are drawn once, from the trial's seed.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.contracts import (
    Batch,
    Dataset,
    Episode,
    ImageSet,
    SearchBatch,
    SearchContext,
    SearchMethod,
)
from harness.data.images import crop_and_flip
from harness.experiment.setting import FewShotSetting, FullTaskSetting
from harness.results.outcome import TaskResult
from harness.runtime.seeding import seed_for
from harness.trials.episode import (
    MethodDriver,
    draw,
    percent_right,
    predict_together,
    run_episode,
)
from harness.trials.session import Session

__all__ = ["run_few_shot", "run_full_task"]

CreateMethod = Callable[[], SearchMethod]


class TaskDriver(MethodDriver):
    """Calls the method of one task as its trial's session does: timed, counted and limited."""

    def __init__(self, session: Session, index: int) -> None:
        """Nothing is used yet."""
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
        """Have a search step done, and add up what it took."""
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

    def conclude(
        self, method: SearchMethod, accuracy: float, more: Mapping[str, float] | None = None
    ) -> None:
        """Add the task's result, and what it has found, to the session.

        Args:
            method: has finished its search.
            accuracy: in percent.
            more: the harness's own metrics besides, by name.
        """
        session = self._session
        session.conclude(method)
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
    """Run the budget's tasks; results gather in the session.

    Episode i is the same for every method on every device (paper, section 6.2: test tasks).
    """
    for index in range(session.trial.budget.tasks):
        session.stage, session.where = "data", f"task {index + 1}"
        with session.reading():
            episode = _shuffled(draw(dataset, setting, session.trial.seed, index), session, index)
        _run_task(session, setting, episode, create(), index)
        # A method may leave reference cycles behind; its memory must not be the next one's.
        gc.collect()


def _run_task(
    session: Session, setting: FewShotSetting, episode: Episode, method: SearchMethod, index: int
) -> None:
    budget, driver = session.trial.budget, TaskDriver(session, index)
    with session.counting:
        _, channels, height, width = episode.support_images.shape
        shape, generator = (channels, height, width), session.seed("method", index)
        context = _context(session, shape, setting.ways, budget.search_steps, generator)
        state, batches = session.initial_state, setting.batches
        context = replace(context, initial_state=state, batches=batches)
        found: dict[str, float] = {}
        alone = percent_right(run_episode(driver, method, context, episode, setting.batch_size))
        if setting.evaluation != "inductive":
            together = percent_right(predict_together(driver, method, episode, session.device))
            found["transductive_accuracy"] = together
    if setting.evaluation == "transductive":
        driver.conclude(method, together)
    else:
        driver.conclude(method, alone, found)


def run_full_task(
    session: Session, setting: FullTaskSetting, dataset: Dataset, create: CreateMethod
) -> None:
    """Run the budget's epochs; the result gathers in the session as its only task."""
    session.stage, session.where = "data", "the training set"
    with session.reading():
        train, test = dataset.images("train"), dataset.images(setting.split)
    method, budget, driver = create(), session.trial.budget, TaskDriver(session, 0)
    classes, generator = dataset.splits["train"].classes, session.seed("method", 0)
    context = _context(session, dataset.image_shape, classes, budget.epochs, generator)
    random = np.random.default_rng(seed_for(session.trial.seed, "full task"))
    halves = np.array_split(random.permutation(len(train)), 2)
    context = replace(context, batches=-(-len(halves[0]) // setting.batch_size))
    with session.counting:
        driver.build(method, context)
        driver.begin_search()
        for epoch in range(budget.epochs):
            order = [random.permutation(half) for half in halves]
            parts = [_training_batches(session, setting, train, half, random) for half in order]
            driver.search_step(method, _paired(*parts), epoch)
        # In an order that tells no label: data sets have their images class by class.
        everything = _batches(session, test, random.permutation(len(test)), setting.batch_size)
        answers = ((driver.predict(method, images), labels) for images, labels in everything)
        accuracy = percent_right(answers)
    driver.conclude(method, accuracy)


def _context(
    session: Session,
    shape: tuple[int, int, int],
    classes: int,
    steps: int,
    generator: torch.Generator,
) -> SearchContext:
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
        space=trial.space.found(),
    )


def _shuffled(episode: Episode, session: Session, index: int) -> Episode:
    """Return an episode whose query images tell no label by their place."""
    order = _query_order(session.trial.seed, index, len(episode.query_labels))
    images, labels = episode.query_images[order], episode.query_labels[order]
    return replace(episode, query_images=images, query_labels=labels)


def _query_order(seed: int, index: int, images: int) -> NDArray[np.int64]:
    """Return an order for query images (images,)."""
    random = np.random.default_rng(seed_for(seed, "order of queries", index))
    return random.permutation(images)


def _paired(weights: Iterable[Batch], architecture: Iterable[Batch]) -> Iterator[SearchBatch]:
    """Pair each batch for w with one for α; at odd sizes w's last image has no partner."""
    for batch, partner in zip(weights, architecture, strict=False):
        yield SearchBatch(weights=batch, architecture=partner)


def _training_batches(
    session: Session,
    setting: FullTaskSetting,
    images: ImageSet,
    indices: NDArray[np.int64],
    random: np.random.Generator,
) -> Iterator[Batch]:
    augments = setting.recipe.augmentation == "crop-flip"
    change = (lambda pixels: crop_and_flip(pixels, random)) if augments else None
    return _batches(session, images, indices, setting.batch_size, change)


def _batches(
    session: Session,
    images: ImageSet,
    indices: NDArray[np.int64],
    size: int,
    change: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
) -> Iterator[Batch]:
    for start in range(0, len(indices), size):
        pixels, labels = images.batch(indices[start : start + size])
        if change is not None:
            pixels = change(pixels)
        batch = Batch(
            torch.from_numpy(pixels).to(session.device), torch.from_numpy(labels).to(session.device)
        )
        session.counter.watch(batch)
        yield batch
