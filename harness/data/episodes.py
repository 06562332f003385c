"""Draws few-shot episodes: which classes, and which of their images, from the identity alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.canonical import digest

__all__ = ["HARNESS_RULE", "Draw", "EpisodeIdentity", "EpisodeRule", "draw_episode"]


@dataclass(frozen=True)
class EpisodeIdentity:
    """All that an episode depends on."""

    fingerprint: str
    split: str
    ways: int
    shots: int
    queries: int
    seed: int
    index: int


class Draw(NamedTuple):
    """Rows of a split's array. Row r of class c has label c; column c of both belongs to it."""

    support: NDArray[np.int64]  # (shots, ways)
    query: NDArray[np.int64]  # (queries, ways)


def draw_episode(identity: EpisodeIdentity, class_sizes: Sequence[int]) -> Draw:
    """Draw classes without replacement, and images of each without replacement.

    Flattened, a draw goes round the classes, so that each batch cut from a support set sees every
    class as often as every other, give or take one image.

    Args:
        identity: seeds the generator through the SHA-256 of its canonical JSON.
        class_sizes: images of each class, in the order in which the split's array holds them.
    """
    generator = np.random.PCG64(int(digest(asdict(identity)), 16))
    first_rows = np.cumsum([0, *class_sizes])
    images = identity.shots + identity.queries
    classes = _choose(generator, len(class_sizes), identity.ways)
    rows = np.stack(
        [first_rows[c] + _choose(generator, class_sizes[c], images) for c in classes], axis=1
    )  # (images, ways)
    return Draw(rows[: identity.shots], rows[identity.shots :])


@dataclass(frozen=True)
class EpisodeRule:
    """A way to draw episodes."""

    name: str
    draw: Callable[[EpisodeIdentity, Sequence[int]], Draw]  # like `draw_episode`


HARNESS_RULE = EpisodeRule("harness", draw_episode)


def _choose(generator: np.random.PCG64, population: int, count: int) -> NDArray[np.int64]:
    """Choose `count` of `population` without replacement, in random order.

    From the raw bits, the only output that numpy keeps the same from one release to the next.
    """
    bits = generator.random_raw(population)
    return np.argsort(bits, kind="stable")[:count]
