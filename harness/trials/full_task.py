"""Full tasks: epochs over one training set, and test accuracy once, at the end.

α learns from one half of the training images and w from the other (DARTS, section 2.3), or both
from all of them, as the recipe says; one epoch is one search step. The halves are drawn once, from
the trial's seed. With `finish_epochs` the last epochs train the network that the method derives.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.contracts import (
    Batch,
    Dataset,
    Deployable,
    DerivesNetwork,
    ImageSet,
    SearchBatch,
    SearchContext,
    SearchMethod,
    StepMetrics,
)
from harness.data.images import crop_and_flip
from harness.experiment.setting import FullTaskSetting, Recipe
from harness.loop.episode import first_answers, percent_right
from harness.runtime.determinism import seed_for
from harness.search.optimizers import WeightOptimizer, rate_at
from harness.search.parameters import Parts
from harness.search.supernet_method import OBSERVED_BATCHES
from harness.space.backpropagation import BatchOutcome, judge, recomputed, split_batch, step_metrics
from harness.space.batch_norm import recalibrate
from harness.space.deployed import DeployedNetwork
from harness.trials.few_shot import CreateMethod, TaskDriver, context_of
from harness.trials.models import MOST_EXAMPLES, built_network, keep_examples, keep_model
from harness.trials.session import Session

__all__ = ["Finishing", "run_full_task"]


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
    session.batches = -(-images.smallest_part // setting.batch_size)
    context = replace(context, initial_state=session.initial_state, batches=session.batches)
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


class Finishing(SearchMethod):
    """Trains the weights of a derived network, whose architecture stays as it is.

    To the harness it is a method like any other, so that the same clocks, limits and counts apply.
    The learning rate of w falls by half a cosine over its epochs. Gradients are exact; they take
    the memory of one operation's activations, for as many images at a time as in the search.
    """

    def __init__(self, model: Deployable, context: SearchContext) -> None:
        """Build the network on the context's device; the context says how many epochs there are."""
        self.model, self.steps, self.step = model, context.steps, -1
        self.parts = Parts(model.micro_batches)
        self.network = built_network(model).to(context.device)
        if isinstance(self.network, DeployedNetwork):
            self.network.run_by(recomputed)
        self.lr = (context.recipe or Recipe()).weight_lr
        self.optimizer = WeightOptimizer(self.network.parameters(), self.lr)

    def build(self, context: SearchContext) -> None:
        """Do nothing: the network was built at the start."""

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Update the weights once for each batch, those of both halves of a full task."""
        self.step += 1
        self.optimizer.lr = rate_at(self.step, self.steps, self.lr, "cosine")
        self.network.train()
        recent: deque[Batch] = deque(maxlen=OBSERVED_BATCHES)

        def learn(batch: Batch) -> BatchOutcome:
            recent.append(batch)
            self.network.zero_grad()
            images = len(batch.labels)
            outcomes = [self._pass(each, images) for each in split_batch(batch, *self.parts)]
            self.optimizer.step()
            return sum(outcomes[1:], start=outcomes[0])

        metrics = step_metrics(learn(each) for batch in batches for each in _different(batch))
        self.network.zero_grad()
        seen = [part.images for batch in recent for part in split_batch(batch, *self.parts)]
        recalibrate(self.network, seen)
        return metrics

    def _pass(self, part: Batch, images: int) -> BatchOutcome:
        """Add the gradients of a part of a batch of so many images."""
        share = len(part.labels) / images
        loss, outcome = judge(self.network(part.images), part.labels, share)
        torch.autograd.backward(loss)
        return outcome

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, height, width)."""
        logits: Tensor = self.network.eval()(images)
        return logits

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the network's tensors."""
        state: Mapping[str, Tensor] = self.network.state_dict()
        return state

    def deployable(self) -> Deployable:
        """Return the network."""
        return self.model._replace(tensors=self.state_dict())


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


def _different(batch: SearchBatch) -> list[Batch]:
    same = batch.weights is batch.architecture
    return [batch.weights] if same else [batch.weights, batch.architecture]
