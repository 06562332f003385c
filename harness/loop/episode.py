"""The loop of one episode: build the method, make its search steps, predict the query images.

Few-shot trials, validation during pretraining, benchmarks and conformance checks share it. They
differ in the `MethodDriver` that makes the calls, and so in what is measured, never in the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.contracts import (
    Batch,
    Dataset,
    Episode,
    PredictsTogether,
    SearchBatch,
    SearchContext,
    SearchMethod,
)
from harness.errors import UsageError
from harness.experiment.setting import FewShotSetting
from harness.runtime.determinism import INITIAL_WEIGHTS, seed_for, seed_generators

__all__ = [
    "MethodDriver",
    "batches",
    "draw",
    "first_answers",
    "for_both",
    "groups_of",
    "percent_right",
    "predict_together",
    "run_episode",
    "search_steps",
]


Answers = Iterable[tuple[Tensor, Tensor]]
"""Logits (N, classes) and labels (N,) of each batch of query images."""


class MethodDriver:
    """Calls a method, and nothing more; subclasses measure and limit what the method does.

    Attributes:
        seed: decides the initial weights.
        index: of the task, from which its search is seeded; None: the search is not seeded anew.
    """

    def __init__(self, seed: int, index: int | None = None) -> None:
        """Drive a method of this seed and task."""
        self.seed, self.index = seed, index

    def build(self, method: SearchMethod, context: SearchContext) -> None:
        """Build the method in its initial state."""
        seed_generators(self.seed, INITIAL_WEIGHTS)
        method.build(context)

    def reading(self) -> AbstractContextManager[None]:
        """Enclose the reading of images."""
        return nullcontext()

    def resident(self, support: Sequence[SearchBatch]) -> None:
        """Take note of batches that stay on the device for as long as the search lasts."""

    def begin_search(self) -> None:
        """Seed the random numbers of the search, if the task has an index."""
        if self.index is not None:
            seed_generators(self.seed, "search", self.index)

    def search_step(self, method: SearchMethod, batches: Iterable[SearchBatch], step: int) -> None:  # noqa: ARG002 - for those that report it
        """Have search step `step`, from 0, done."""
        method.search_step(batches)

    def predict(self, method: SearchMethod, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, height, width)."""
        return method.predict(images)

    def predict_together(self, method: SearchMethod, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images that are normalised by their own statistics.

        Raises:
            UsageError: the method has no `predict_together`.
        """
        if not isinstance(method, PredictsTogether):
            raise UsageError(
                f"{type(method).__name__} has no predict_together, so that it cannot be judged "
                "transductively; leave --evaluation at inductive"
            )
        return method.predict_together(images)


def search_steps(
    driver: MethodDriver,
    method: SearchMethod,
    context: SearchContext,
    support: Callable[[int], Sequence[SearchBatch]],
) -> Iterator[None]:
    """Build a method, and do one search step each time that the iterator is advanced.

    Args:
        driver: calls the method.
        method: is not built yet.
        context: what it is built with; it says how many steps there are.
        support: reads the batches that a step goes through, by its number.
    """
    driver.build(method, context)
    driver.begin_search()
    for step in range(context.steps):
        with driver.reading():
            pairs = support(step)
            driver.resident(pairs)
        driver.search_step(method, pairs, step)
        del pairs  # before the next ones are read
        yield


def run_episode(
    driver: MethodDriver,
    method: SearchMethod,
    context: SearchContext,
    episode: Episode,
    batch_size: int,
) -> Answers:
    """Search on an episode's support images; then predict its query images, batch by batch.

    Each step goes through the support images once, in an order of its own.

    Args:
        driver: calls the method.
        method: is not built yet.
        context: what it is built with.
        episode: its query images are predicted in their order in the episode.
        batch_size: images a batch, of support and query.

    Yields:
        Logits (N, classes) and labels (N,) of each batch of query images.
    """

    def support(step: int) -> list[SearchBatch]:
        seed = seed_for(driver.seed, "order of support", driver.index or 0, step)
        order = np.random.default_rng(seed).permutation(len(episode.support_labels))
        images, labels = episode.support_images[order], episode.support_labels[order]
        return for_both(batches(images, labels, batch_size, context.device))

    for _ in search_steps(driver, method, context, support):
        pass
    with driver.reading():
        queries = batches(episode.query_images, episode.query_labels, batch_size, context.device)
    for images, labels in queries:
        yield driver.predict(method, images), labels


def predict_together(
    driver: MethodDriver, method: SearchMethod, episode: Episode, device: torch.device
) -> Answers:
    """Predict query images one of each class together, normalised by their own statistics.

    This is transductive evaluation, as published few-shot accuracies mostly are: batch norm sees
    one image of each class (Nichol et al., 2018, section 6.1). The harness puts them together; the
    method sees no label.

    Raises:
        UsageError: the method cannot predict images together.

    Yields:
        Logits (N, classes) and labels (N,) of each group.
    """
    labels = episode.query_labels
    for group in groups_of(labels):
        with driver.reading():
            images = torch.from_numpy(episode.query_images[group]).to(device)
        yield driver.predict_together(method, images), torch.from_numpy(labels[group])


def groups_of(labels: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield indices (ways,) of one image of each class, sorted, so that place tells no label."""
    of_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for places in zip(*of_class, strict=True):
        yield np.sort(places)


def first_answers(answers: Answers, kept: list[tuple[int, int]], most: int) -> Answers:
    """Pass answers on, and keep the true and predicted labels of the first `most` images.

    No tensor is made for this, so that no memory is counted for it.
    """
    for logits, labels in answers:
        room = most - len(kept)
        told = logits[:room].tolist() if room else []
        guesses = [max(range(len(each)), key=each.__getitem__) for each in told]
        kept += zip(labels[:room].tolist(), guesses, strict=False)
        yield logits, labels


def percent_right(answers: Answers) -> float:
    """Return the percentage of images whose largest logit is that of their label.

    Args:
        answers: logits (N, classes) and labels (N,) of each batch.
    """
    right = total = 0
    for logits, labels in answers:
        right += int((logits.argmax(dim=1).to(labels.device) == labels).sum())
        total += len(labels)
    return 100.0 * right / total


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


def for_both(of: Iterable[Batch]) -> list[SearchBatch]:
    """Return batches that w and α both learn from, as in few-shot search."""
    return [SearchBatch(weights=batch, architecture=batch) for batch in of]
