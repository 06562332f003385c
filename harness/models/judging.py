"""How good a kept model is on images that nothing learned from: in all, and class by class."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest, norm  # type: ignore[import-untyped]

from harness.contracts import ImageSet
from harness.models.folder import Preparation
from harness.models.model import BATCH, KeptModel

__all__ = ["ClassScore", "Example", "Judgement", "another_run", "judge_model", "wilson"]


_QUANTILE = float(norm.ppf(0.975))


def wilson(right: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, in percent (Wilson, 1927)."""
    interval = binomtest(right, total).proportion_ci(0.95, method="wilson")
    return 100 * float(interval.low), 100 * float(interval.high)


def another_run(right: int, total: int) -> tuple[float, float]:
    """Return between which percentages the accuracy of another run is expected, at 95 %.

    Both runs are judged by a sample, each of `total` photos, so that this is wider than `wilson`,
    the interval of one share. It holds the counts that do not differ from `right` by a test of two
    proportions with their pooled variance, as Krishnamoorthy and Peng have it ("Improved
    closed-form prediction intervals for binomial and Poisson distributions", Journal of Statistical
    Planning and Inference 141, 2011, based on the joint distribution of both samples); none or all
    right count as half a photo more or less. What seeds add besides, a single run cannot show.
    """
    count = min(max(right, 0.5), total - 0.5)

    def is_expected(other: int) -> bool:
        share = (count + other) / (2 * total)
        return abs(count - other) <= _QUANTILE * sqrt(2 * total * share * (1 - share))

    others = [each for each in range(total + 1) if is_expected(each)]
    return 100 * others[0] / total, 100 * others[-1] / total


@dataclass(frozen=True)
class ClassScore:
    """How a class fares.

    Attributes:
        total: its images.
        found: of these, how many are taken for it.
        taken: images of any class that are taken for it.
    """

    name: str
    total: int
    found: int
    taken: int

    @property
    def recall(self) -> float:
        """Percent of its images that are taken for it."""
        return 100 * self.found / self.total

    @property
    def precision(self) -> float | None:
        """Percent of what is taken for it that is; None where nothing is."""
        return 100 * self.found / self.taken if self.taken else None


@dataclass(frozen=True)
class Example:
    """An image, what it is, and what it is taken for."""

    png: bytes
    name: str
    taken_for: str
    probability: float


@dataclass(frozen=True)
class Judgement:
    """What a model says of images whose classes are known.

    Attributes:
        confusion: images, by their class and by what they are taken for, (classes, classes).
        examples: an image for each place of the matrix that has one, mistakes first.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    examples: tuple[Example, ...]

    @property
    def total(self) -> int:
        """Number of images."""
        return int(self.confusion.sum())

    @property
    def right(self) -> int:
        """Of these, how many are taken for what they are."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Percent of the images that are taken for what they are."""
        return 100 * self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval, in percent."""
        return wilson(self.right, self.total)

    @property
    def scores(self) -> list[ClassScore]:
        """How each class fares, in the order of labels; those without an image are left out."""
        rows = zip(self.classes, self.confusion, self.confusion.sum(axis=0), strict=True)
        return [
            ClassScore(name, int(row.sum()), int(row[label]), int(taken))
            for label, (name, row, taken) in enumerate(rows)
            if row.sum()
        ]


MOST_EXAMPLES = 24


def judge_model(model: KeptModel, images: ImageSet) -> Judgement:
    """Have a model predict all images of a set, which are standardised as its own were."""
    count = len(model.classes)
    confusion = np.zeros((count, count), dtype=np.int64)
    examples: dict[tuple[int, int], Example] = {}
    for pixels, labels in _batches(images):
        probabilities = model.logits(pixels).softmax(dim=1).numpy()
        for image, label, row in zip(pixels, labels.tolist(), probabilities, strict=True):
            taken = int(row.argmax())
            confusion[label, taken] += 1
            if (label, taken) not in examples:
                png = _png(image, model.preprocessing)
                names = model.classes[label], model.classes[taken]
                examples[label, taken] = Example(png, *names, float(row[taken]))
    order = sorted(examples, key=lambda place: (place[0] == place[1], place))
    shown = tuple(examples[place] for place in order[:MOST_EXAMPLES])
    return Judgement(model.classes, confusion, shown)


def _batches(images: ImageSet) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    for start in range(0, len(images), BATCH):
        yield images.batch(np.arange(start, min(start + BATCH, len(images))))


def _png(image: NDArray[np.float32], preprocessing: Preparation) -> bytes:
    """Return a standardised image, (channels, H, W), as it was before."""
    mean = np.array(preprocessing.mean)[:, None, None]
    deviation = np.array(preprocessing.deviation)[:, None, None]
    pixels = np.clip(np.rint(image * deviation + mean), 0, 255).astype(np.uint8)
    shaped = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)  # (H, W, 3)
    file = io.BytesIO()
    Image.fromarray(shaped).save(file, "PNG")
    return file.getvalue()
