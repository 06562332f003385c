"""What the rules for data sets share: settings that every split can bear, and images by content."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.conformance.rule import NotApplicableError
from harness.contracts import Dataset, Episode, SplitSummary

__all__ = ["content_of", "episode", "episodes", "require_few_shot", "sample"]

WAYS, EPISODES = 5, 20
READ = 512  # images of a split of a full task, spread over it


def require_few_shot(dataset: Dataset) -> None:
    """Pass over a full task.

    Raises:
        NotApplicableError: it has no episodes.
    """
    if dataset.kind != "few-shot":
        raise NotApplicableError("a full task has no episodes")


def episode(
    dataset: Dataset, split: str, index: int = 0, *, seed: int = 0, ways: int = WAYS
) -> Episode:
    """Return an episode of a split with at most five ways, one shot, and up to five queries."""
    summary = dataset.splits[split]
    queries = max(1, min(5, summary.images_per_class - 1))
    return dataset.episode(
        split,
        ways=min(ways, summary.classes),
        shots=1,
        queries=queries,
        seed=seed,
        index=index,
    )


def episodes(dataset: Dataset, split: str) -> Iterator[Episode]:
    """Return the first twenty episodes of a split; none where it is too small for any."""
    if _bears(dataset.splits[split]):
        for index in range(EPISODES):
            yield episode(dataset, split, index)


def sample(dataset: Dataset, split: str) -> Iterator[NDArray[np.float32]]:
    """Return images of a split, (channels, height, width) each: of episodes, or spread over it."""
    if dataset.kind == "few-shot":
        for each in episodes(dataset, split):
            yield from each.support_images
            yield from each.query_images
        return
    images = dataset.images(split)
    spread = np.linspace(0, len(images) - 1, min(READ, len(images))).astype(np.int64)
    yield from images.batch(spread)[0]


def content_of(image: NDArray[np.float32]) -> bytes:
    """Return what tells an image from others: its pixels."""
    return np.ascontiguousarray(image).tobytes()


def _bears(summary: SplitSummary) -> bool:
    return summary.classes >= 2 and summary.images_per_class >= 2
