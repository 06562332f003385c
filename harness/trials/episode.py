"""One episode, from building the method to its predictions: the loop that all who search share.

Few-shot trials, the curve of pretraining, benchmarks and conformance checks differ in who drives
the method's calls (a `MethodDriver`) and in what they read of them, never in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.contracts import Batch, Dataset, Episode, SearchBatch, SearchContext, SearchMethod
from harness.experiment.setting import FewShotSetting
from harness.runtime.seeding import INITIAL_WEIGHTS, seed_generators

__all__ = [
    "MethodDriver",
    "batches",
    "draw",
    "for_both",
    "percent_right",
    "run_episode",
    "search_steps",
]


class MethodDriver:
    """Calls a method, and nothing else; a subclass measures and limits what the method does.

    Attributes:
        seed: decides the initial weights.
        index: of the task, whose search is seeded on its own; None: torch's generators go on.
    """

    def __init__(self, seed: int, index: int | None = None) -> None:
        """Call nothing yet."""
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
        """Seed what the search draws."""
        if self.index is not None:
            seed_generators(self.seed, "search", self.index)

    def search_step(self, method: SearchMethod, batches: Iterable[SearchBatch], step: int) -> None:  # noqa: ARG002 - for those that report it
        """Have search step `step`, from 0, done."""
        method.search_step(batches)

    def predict(self, method: SearchMethod, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, height, width)."""
        return method.predict(images)


def search_steps(
    driver: MethodDriver,
    method: SearchMethod,
    context: SearchContext,
    support: Callable[[], Sequence[SearchBatch]],
) -> Iterator[None]:
    """Build a method, and do one search step each time that the iterator is advanced.

    Args:
        driver: calls the method.
        method: is not built yet.
        context: what it is built with; it says how many steps there are.
        support: reads the batches that every step goes through, once the method is built.
    """
    driver.build(method, context)
    with driver.reading():
        pairs = support()
        driver.resident(pairs)
    driver.begin_search()
    for step in range(context.steps):
        driver.search_step(method, pairs, step)
        yield


def run_episode(
    driver: MethodDriver,
    method: SearchMethod,
    context: SearchContext,
    episode: Episode,
    batch_size: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Search on an episode's support images; then predict its query images, batch by batch.

    Args:
        driver: calls the method.
        method: is not built yet.
        context: what it is built with.
        episode: its query images are predicted in the order that they have in it.
        batch_size: images a batch, of support and query.

    Yields:
        Logits (N, classes) and labels (N,) of each batch of query images.
    """

    resident: list[SearchBatch] = []  # on the device until the task is over

    def support() -> list[SearchBatch]:
        images, labels = episode.support_images, episode.support_labels
        resident.extend(for_both(batches(images, labels, batch_size, context.device)))
        return resident

    for _ in search_steps(driver, method, context, support):
        pass
    with driver.reading():
        queries = batches(episode.query_images, episode.query_labels, batch_size, context.device)
    for images, labels in queries:
        yield driver.predict(method, images), labels


def percent_right(answers: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Return the percentage of images whose largest logit is that of their label.

    Args:
        answers: logits (N, classes) and labels (N,) of each batch.
    """
    right = total = 0
    for logits, labels in answers:
        right += int((logits.argmax(dim=1) == labels).sum())
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
