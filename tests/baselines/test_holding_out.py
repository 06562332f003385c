"""Which images of a search step are held out, and that they are the same in every step."""

from __future__ import annotations

import pytest
import torch
from harness_baselines.random_search import HoldOut

from harness.contracts import Batch, SearchBatch


def batch_of(labels: list[int], start: int = 0) -> Batch:
    """Return images that hold their number in the step, and their label."""
    pixels = torch.stack([torch.arange(start, start + len(labels)), torch.tensor(labels)], dim=1)
    return Batch(pixels[..., None, None].float(), torch.tensor(labels))


def numbers_of(part: Batch) -> list[int]:
    """Return the numbers of the images, whose labels must have come with them."""
    numbers, labels = part.images.flatten(1).int().T.tolist()
    assert part.labels.tolist() == labels
    return list(numbers)


def split(*batches: list[int]) -> list[tuple[list[int], list[int] | None]]:
    """Return for each batch the numbers of the images that train and of those that judge."""
    hold_out, result, start = HoldOut(), [], 0
    for labels in batches:
        batch = batch_of(labels, start)
        start += len(labels)
        trained, judging = hold_out.split(SearchBatch(batch, batch))
        result.append((numbers_of(trained), judging and numbers_of(judging)))
    return result


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([[0, 1, 0, 1, 0]], [([0, 1, 4], [2, 3])]),  # the second of each class
        ([[0, 1, 2]], [([0, 1, 2], None)]),  # one shot: nothing
        ([[0, 1], [1, 2]], [([0, 1], None), ([3], [2])]),  # counted over a step's batches
        ([[0, 1], [1, 0]], [([0, 1], None), ([2, 3], None)]),  # never a batch as a whole
        ([[0, 0, 0], [0, 0]], [([0, 2], [1]), ([3, 4], None)]),  # one of each class, no more
    ],
)
def test_the_second_image_of_each_class_is_held_out(
    batches: list[list[int]], expected: list[tuple[list[int], list[int] | None]]
) -> None:
    """Of a step's batches the second image of each class judges, unless that were all of one."""
    assert split(*batches) == expected


def test_a_full_task_has_its_own_batches() -> None:
    """Where there is another batch for α, that one judges and the whole of the first trains."""
    batch = SearchBatch(batch_of([0, 0, 0]), batch_of([1, 1]))
    assert HoldOut().split(batch) == (batch.weights, batch.architecture)
