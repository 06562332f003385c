"""Full tasks: epochs over one training set, and test accuracy once, at the end.

α learns from one half of the training images and w from the other (DARTS, section 2.3), or both
from all of them, as the recipe says; one epoch is one search step. The halves are drawn once, from
the trial's seed. With `finish_epochs` the last epochs train the network that the method derives.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from harness.contracts import (
    Batch,
    Dataset,
    DerivesNetwork,
    ImageSet,
    SearchBatch,
    SearchContext,
    SearchMethod,
)
from harness.data.images import crop_and_flip
from harness.experiment.setting import FullTaskSetting
from harness.loop.episode import first_answers, percent_right
from harness.runtime.determinism import seed_for
from harness.trials.few_shot import CreateMethod, TaskDriver, context_of
from harness.trials.models import MOST_EXAMPLES, Finishing, keep_examples, keep_model
from harness.trials.session import Session

__all__ = ["run_full_task"]


def run_full_task(
    session: Session, setting: FullTaskSetting, dataset: Dataset, create: CreateMethod
) -> None:
    """Run the budget's epochs; the session gets the result as its only task."""
    session.stage, session.where = "data", "the training set"
    with session.reading():
        images = TaskImages(
            session, setting, dataset.images("train"), dataset.images(setting.split)
        )
    method, budget, driver = create(), session.trial.budget, TaskDriver(session, 0)
    finish = budget.finish_epochs if isinstance(method, DerivesNetwork) else 0
    context = _context(session, dataset, budget.epochs - finish)
    batches = -(-images.smallest_part // setting.batch_size)
    context = replace(context, initial_state=session.initial_state, batches=batches)
    with session.counting:
        driver.build(method, context)
        driver.begin_search()
        for epoch in range(context.steps):
            driver.search_step(method, images.training(), epoch)
        accuracy = images.accuracy(driver, method)
        with session.counter.paused():
            driver.describe(method)
        found: dict[str, float] = {}
        if finish and isinstance(method, DerivesNetwork):
            found["supernet_accuracy"] = accuracy
            method = Finishing(method.derived(), replace(context, steps=finish))
            gc.collect()  # the supernet is not needed any more
            for epoch in range(finish):
                driver.search_step(method, images.training(), context.steps + epoch)
            accuracy = images.accuracy(driver, method)
    driver.conclude(accuracy, found)
    keep_model(session, method, dataset, images.first_to_judge())
    keep_examples(session, dataset, images.first_judged(), images.judged)


def _context(session: Session, dataset: Dataset, steps: int) -> SearchContext:
    classes, generator = dataset.splits["train"].classes, session.seed("method", 0)
    return context_of(session, dataset.image_shape, classes, steps, generator)


@dataclass
class TaskImages:
    """The images of a full task, in a new random order for each pass."""

    session: Session
    setting: FullTaskSetting
    train: ImageSet
    test: ImageSet

    def __post_init__(self) -> None:
        """Draw the images that w learns from, and those for α."""
        self._random = np.random.default_rng(seed_for(self.session.trial.seed, "full task"))
        order = self._random.permutation(len(self.train))
        self.judged: list[tuple[int, int]] = []  # labels of the first, true and predicted
        self._order = np.arange(0)
        self._halves = self.setting.recipe.architecture_images == "half"
        self._parts = np.array_split(order, 2) if self._halves else [order]

    @property
    def smallest_part(self) -> int:
        """Images that w learns from in an epoch."""
        return len(self._parts[0])

    def training(self) -> Iterator[SearchBatch]:
        """Yield the batches of an epoch."""
        orders = [self._random.permutation(part) for part in self._parts]
        parts = [self._training_batches(order) for order in orders]
        if self._halves:
            return _paired(*parts)
        return (SearchBatch(weights=batch, architecture=batch) for batch in parts[0])

    def accuracy(self, driver: TaskDriver, method: SearchMethod) -> float:
        """Return the percentage of test images that a method is right about."""
        # In random order, so that place tells no label: data sets are sorted by class.
        self._order, self.judged = self._random.permutation(len(self.test)), []
        everything = self._batches(self.test, self._order)
        answers = ((driver.predict(method, images), labels) for images, labels in everything)
        return percent_right(first_answers(answers, self.judged, MOST_EXAMPLES))

    def first_judged(self) -> NDArray[np.float32]:
        """Return the images of `judged`, (N, channels, height, width)."""
        return self.test.batch(self._order[: len(self.judged)])[0]

    def first_to_judge(self) -> NDArray[np.float32]:
        """Return a few test images, (N, channels, height, width)."""
        pixels, _ = self.test.batch(np.arange(min(len(self.test), self.setting.batch_size)))
        return pixels

    def _training_batches(self, indices: NDArray[np.int64]) -> Iterator[Batch]:
        augments = self.setting.recipe.augmentation == "crop-flip"
        change = (lambda pixels: crop_and_flip(pixels, self._random)) if augments else None
        return self._batches(self.train, indices, change)

    def _batches(
        self,
        images: ImageSet,
        indices: NDArray[np.int64],
        change: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
    ) -> Iterator[Batch]:
        size, device = self.setting.batch_size, self.session.device
        for start in range(0, len(indices), size):
            pixels, labels = images.batch(indices[start : start + size])
            if change is not None:
                pixels = change(pixels)
            batch = Batch(torch.from_numpy(pixels).to(device), torch.from_numpy(labels).to(device))
            self.session.counter.watch(batch)
            yield batch


def _paired(weights: Iterable[Batch], architecture: Iterable[Batch]) -> Iterator[SearchBatch]:
    """Pair each batch for w with one for α; at odd sizes w's last image has no partner."""
    for batch, partner in zip(weights, architecture, strict=False):
        yield SearchBatch(weights=batch, architecture=partner)
