"""What methods share: the schedule, the optimizers, micro-batches, metrics."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness_onnas.parameters import OnNasParameters
from torch import nn

from harness.contracts import Batch
from harness.experiment.setting import Recipe, Schedule
from harness.search.optimizers import (
    BETA_2,
    GROUP,
    ArchitectureOptimizer,
    WeightOptimizer,
    rate_at,
    temperature_at,
)
from harness.search.parameters import Parts, UpdateRule, WeightParameters
from harness.space.backpropagation import (
    BatchOutcome,
    accumulate_gradients,
    split_batch,
    step_metrics,
)
from harness.space.mixing import Mixing
from harness.space.supernet import Supernet


def test_temperature_falls_linearly() -> None:
    """The temperature is 1 at the first step, `final` at the last, and linear between."""
    temperatures = [temperature_at(step, 10, 0.1) for step in range(10)]
    assert temperatures == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert temperature_at(12, 10, 0.1) == pytest.approx(0.1)
    assert temperature_at(0, 1, 0.1) == 1.0


@pytest.mark.usefixtures("double_precision")
def test_architecture_adam_is_adam_where_all_is_updated() -> None:
    """Without masks it does what torch's Adam does with β1 = 0 and weight decay."""
    start = torch.randn(3, 7)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    optimizer = ArchitectureOptimizer([ours], lr=0.01, weight_decay=1e-3)
    reference = torch.optim.Adam([theirs], lr=0.01, betas=(0.0, 0.999), weight_decay=1e-3)
    for _ in range(5):
        ours.grad = torch.randn(3, 7)
        theirs.grad = ours.grad.clone()
        optimizer.step([torch.ones(3, 7, dtype=torch.bool)])
        reference.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


@pytest.mark.usefixtures("double_precision")
def test_weight_adam_is_adam() -> None:
    """It does what torch's Adam does with β1 = 0, where weights miss gradients at times too."""
    start = [torch.randn(2, 3) for _ in range(GROUP + 5)]
    ours, theirs = ([nn.Parameter(each.clone()) for each in start] for _ in range(2))
    optimizer = WeightOptimizer(ours, lr=0.01)
    reference = torch.optim.Adam(theirs, lr=0.01, betas=(0.0, 0.999))
    for step in range(4):
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            mine.grad = None if (step + number) % 3 == 0 else torch.randn(2, 3)
            other.grad = None if mine.grad is None else mine.grad.clone()
        optimizer.step()
        reference.step()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", ["weights", "architecture"])
def test_bounded_updates_by_hand(kind: str) -> None:
    """No element moves further than its learning rate, where Adam moves it by up to 31 of them."""
    moved = {}
    rules: tuple[UpdateRule, ...] = ("adam", "bounded", "gradient-descent")
    for rule in rules:
        parameter = nn.Parameter(torch.zeros(1))
        optimizer = (
            WeightOptimizer([parameter], lr=0.1, rule=rule)
            if kind == "weights"
            else ArchitectureOptimizer([parameter], lr=0.1, weight_decay=0.0, rule=rule)
        )
        for gradient in (*[1e-3] * 50, 1.0):
            before = parameter.item()
            parameter.grad = torch.tensor([gradient])
            optimizer.step()
        moved[rule] = before - parameter.item()
    assert moved["adam"] == pytest.approx(0.1 * (1 - BETA_2**51) ** 0.5 * 31.6, rel=0.05)
    assert moved["bounded"] == pytest.approx(0.1)
    assert moved["gradient-descent"] == pytest.approx(0.1)


def test_second_moments_are_restored() -> None:
    """An optimizer that goes on from stored moments divides by them, and by nothing before."""
    gradients = torch.tensor([0.5, 2.0])
    for make in (
        lambda p: WeightOptimizer([p], lr=0.1),
        lambda p: ArchitectureOptimizer([p], lr=0.1, weight_decay=0.0),
    ):
        first, second = (nn.Parameter(torch.zeros(2)) for _ in range(2))
        first.grad, second.grad = gradients.clone(), torch.ones(2)
        before, after = make(first), make(second)
        before.step()
        (moment,) = before.moments()
        assert moment is not None
        torch.testing.assert_close(moment, gradients.square(), rtol=1e-4, atol=0)
        after.restore([moment])
        after.step()
        expected = -0.1 / (BETA_2 * gradients.square() + (1 - BETA_2)).sqrt()
        torch.testing.assert_close(second.detach(), expected, rtol=1e-4, atol=0)


def test_learning_rates_fall_as_their_schedule_says() -> None:
    """Half a cosine has half of the rate in the middle; a late fall begins there."""
    assert [rate_at(step, 4, 0.2, "cosine") for step in (0, 2, 4)] == pytest.approx([0.2, 0.1, 0])
    assert [rate_at(step, 4, 0.2, "late") for step in (0, 2, 3)] == pytest.approx([0.2, 0.2, 0.1])
    assert rate_at(3, 4, 0.2, "constant") == 0.2


@pytest.mark.parametrize(
    ("typed", "recipe", "schedule"),
    [
        ({}, "constant", "late"),
        ({}, "cosine", "cosine"),
        ({"schedule": "constant"}, "cosine", "constant"),
        ({"schedule": None}, "constant", "constant"),
        ({"preset": "paper"}, "cosine", "constant"),
    ],
)
def test_a_recipe_goes_before_a_default_and_what_was_typed_before_both(
    typed: dict[str, Any], recipe: Schedule, schedule: Schedule
) -> None:
    """On-NAS's rate falls late by itself, and as every method's where a recipe says how."""
    assert OnNasParameters(**typed).schedule_under(Recipe(schedule=recipe)) == schedule
    if not typed:
        assert WeightParameters().schedule_under(Recipe(schedule=recipe)) == recipe


def test_architecture_adam_leaves_elements_alone_to_the_bit() -> None:
    """An element outside the mask keeps value and moments; inside, earlier steps do not matter."""
    parameter = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = ArchitectureOptimizer([parameter], lr=0.01, weight_decay=1e-3)
    parameter.grad = torch.tensor([0.5, 0.0])
    for _ in range(3):
        optimizer.step([torch.tensor([True, False])])
    assert parameter[1].item() == 2.0
    assert optimizer.second_moments[0][1] == optimizer.counts[0][1] == 0.0
    parameter.grad = torch.tensor([0.0, 0.5])
    before = parameter[0].item()
    optimizer.step([torch.tensor([False, True])])
    assert parameter[0].item() == before
    assert parameter[1].item() == pytest.approx(1.99)  # a first step of Adam moves by its lr


def test_micro_batches_cover_the_batch() -> None:
    """Parts keep the order, differ by one image at most, and hold three images or more."""
    images, labels = torch.arange(11.0).reshape(11, 1, 1, 1), torch.arange(11)
    sizes = {
        parts: [len(part.labels) for part in split_batch(Batch(images, labels), *Parts(parts))]
        for parts in (1, 2, 3, 5, 100)
    }
    assert sizes == {1: [11], 2: [6, 5], 3: [4, 4, 3], 5: [4, 4, 3], 100: [4, 4, 3]}
    parts = split_batch(Batch(images, labels), *Parts(3))
    assert torch.equal(torch.cat([part.images for part in parts]), images)
    assert torch.equal(torch.cat([part.labels for part in parts]), labels)
    assert len(split_batch(Batch(images[:1], labels[:1]), *Parts(5))) == 1


def test_parts_count_by_their_share() -> None:
    """Every part of a batch is weighted by the share of the images that it holds."""
    shares = []

    def engine(net: Supernet, batch: Batch, mixing: Mixing, share: float = 1.0) -> BatchOutcome:
        shares.append(share)
        return BatchOutcome(torch.tensor(share), torch.tensor(100 * share))

    net, batch = Supernet(1, 2, 4), Batch(torch.zeros(7, 1, 8, 8), torch.zeros(7, dtype=torch.long))
    outcome = accumulate_gradients(engine, net, split_batch(batch, *Parts(2)), net.mixing)
    assert shares == [4 / 7, 3 / 7]
    assert float(outcome.loss) == pytest.approx(1.0)
    assert float(outcome.accuracy) == pytest.approx(100.0)


def test_metrics_are_means_over_batches() -> None:
    """Loss and accuracy of a step are the means over its batches."""
    outcomes = [BatchOutcome(torch.tensor(n), torch.tensor(10 * n)) for n in (1.0, 3.0)]
    assert step_metrics(outcomes) == {"loss": 2.0, "accuracy": 20.0}


def test_a_step_without_batches_is_an_error() -> None:
    """A search step over nothing is refused."""
    with pytest.raises(ValueError, match="at least one batch"):
        step_metrics([])
