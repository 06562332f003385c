"""Which images of a search step are held out, and that they are the same in every step."""

from __future__ import annotations

import itertools

import pytest
import torch
from harness_baselines.random_search import HoldOut, split

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


Numbers = tuple[list[int], list[int]]


def divide(hold_out: HoldOut, *batches: Batch) -> list[Numbers]:
    """Return for each batch of a step the numbers of the images that train, and that judge."""
    hold_out.begin_step()
    result = []
    for batch in batches:
        pair = SearchBatch(batch, batch)
        parts = split(pair, hold_out.choose(pair))
        training, judging = ([] if each is None else numbers_of(each) for each in parts)
        result.append((training, judging))
    return result


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([[0, 1, 0, 1, 0]], [([0, 1, 4], [2, 3])]),  # the second of each class
        ([[0, 1, 2]], [([0, 1, 2], [])]),  # one shot: nothing
        ([[0, 1], [1, 2]], [([0, 1], []), ([3], [2])]),  # counted over a step's batches
        ([[0, 1], [1, 0]], [([0, 1], []), ([2, 3], [])]),  # never a batch as a whole
        ([[0, 0, 0], [0, 0]], [([0, 2], [1]), ([3, 4], [])]),  # one of each class, no more
    ],
)
def test_the_second_image_of_each_class_is_held_out(
    batches: list[list[int]], expected: list[Numbers]
) -> None:
    """Of a step's batches the second image of each class judges, unless that were all of one."""
    starts = [sum(map(len, batches[:place])) for place in range(len(batches))]
    assert divide(HoldOut(), *map(batch_of, batches, starts)) == expected


def reordered(images: Batch, order: list[int], size: int) -> list[Batch]:
    """Return batches of `size` images in another order."""
    return [
        Batch(*(each[order[start : start + size]] for each in images))
        for start in range(0, len(order), size)
    ]


def test_every_step_holds_out_the_same_images() -> None:
    """However a step orders and batches them, what judged in the first step never trains."""
    images, hold_out = batch_of([0, 1, 2] * 4), HoldOut()
    random = torch.Generator().manual_seed(0)
    for step in range(20):
        order = [*range(12)] if step == 0 else torch.randperm(12, generator=random).tolist()
        found = divide(hold_out, *reordered(images, order, 12 if step == 0 else 1 + step % 5))
        training, judging = (sorted(itertools.chain(*each)) for each in zip(*found, strict=True))
        assert judging == [3, 4, 5]
        assert training == [0, 1, 2, *range(6, 12)]


def test_images_that_look_alike_are_held_out_one_a_class() -> None:
    """Copies of what is held out still train: each step holds out as many as the first."""
    images, hold_out = Batch(torch.zeros(6, 1, 2, 1), torch.tensor([0, 1] * 3)), HoldOut()
    pair = SearchBatch(images, images)
    for _ in range(3):
        hold_out.begin_step()
        assert sum(hold_out.choose(pair)) == 2


def test_augmented_images_are_chosen_in_each_step() -> None:
    """They come changed each time, and so are the second of each class in the step's order."""
    images, hold_out = batch_of([0, 1, 0, 1, 0, 1]), HoldOut(augmented=True)
    assert divide(hold_out, images) == [([0, 1, 4, 5], [2, 3])]
    assert divide(hold_out, *reordered(images, [4, 5, 0, 1, 2, 3], 6)) == [([4, 5, 2, 3], [0, 1])]


def test_a_full_task_has_its_own_batches() -> None:
    """Where there is another batch for α, that one judges and the whole of the first trains."""
    pair, hold_out = SearchBatch(batch_of([0, 0, 0]), batch_of([1, 1])), HoldOut()
    for _ in range(2):
        hold_out.begin_step()
        assert split(pair, hold_out.choose(pair)) == (pair.weights, pair.architecture)
