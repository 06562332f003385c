"""On-NAS's expectation and selection (Eq. 7 to 9), by hand."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from harness_onnas.selecting import (
    Trend,
    best,
    draw_selection,
    expected_final,
    random_subset,
    selection_masks,
)
from torch import Tensor, nn

from harness.space.mixing import UpdateSelection
from harness.space.spec import CELL_KINDS, NODES, edge_count, pair_count


def test_expected_final_by_hand() -> None:
    """E[α_f] = α_j + (f − j)/t Σ of the last t movements, which is Eq. 7 for those of −λ g."""
    gradients = [torch.tensor([1.0, 0.0]), torch.tensor([3.0, -2.0])]
    movements = [-0.1 * gradient for gradient in gradients]
    expected = expected_final(torch.tensor([5.0, 5.0]), movements, remaining=6)
    assert expected.tolist() == pytest.approx([5 - 0.1 * 6 / 2 * 4, 5 + 0.1 * 6 / 2 * 2])


def test_without_movements_the_value_is_expected() -> None:
    """Before the first update the parameter itself is its expectation."""
    value = torch.tensor([1.0, 2.0])
    assert torch.equal(expected_final(value, [], 10), value)


def test_a_trend_keeps_the_last_updates() -> None:
    """Updates before the last t are forgotten."""
    trend = Trend([nn.Parameter(torch.zeros(1))], length=2)
    for movement in (100.0, 1.0, 4.0):
        trend.add([torch.tensor([movement])])
    (expected,) = trend.expected(remaining=4)
    assert expected.item() == pytest.approx(4 / 2 * (1 + 4))


def test_best_marks_the_largest() -> None:
    """The largest scores are marked, of equals the first."""
    assert best([0.1, 0.9, 0.9, 0.5], 1) == [False, True, False, False]
    assert best([0.1, 0.9, 0.9, 0.5], 3) == [False, True, True, True]
    assert best([0.1], 5) == [True]


def test_random_subsets_are_uniform() -> None:
    """Every place is as likely as any other, and `count` places are marked."""
    choose = random_subset(torch.Generator().manual_seed(0))
    drawn = [choose([0.0] * 7, 2) for _ in range(700)]
    assert all(sum(marks) == 2 for marks in drawn)
    counts = Counter(place for marks in drawn for place, mark in enumerate(marks) if mark)
    assert all(150 < counts[place] < 250 for place in range(7))


def expected_values() -> list[Tensor]:
    """Return expectations that grow with the column, so that the last ones are the best."""
    alpha = [torch.arange(7.0).expand(edge_count(n), 7) for _ in CELL_KINDS for n in range(NODES)]
    return alpha + [torch.arange(float(pair_count(n))) for _ in CELL_KINDS for n in range(NODES)]


def draw(explore: float, pairs: int | None = 1, seed: int = 0) -> UpdateSelection:
    generator = torch.Generator().manual_seed(seed)
    return draw_selection(
        expected_values(),
        operations=2,
        pairs=pairs,
        explore=explore,
        through=True,
        generator=generator,
    )


def test_without_exploration_the_best_are_selected() -> None:
    """On the edges of the g best pairs the q best operations are selected, on others none."""
    node = draw(explore=0.0).nodes["reduction"][1]
    top_two = (False,) * 5 + (True, True)
    assert node.pairs == (False, False, True)  # the pair of edges 1 and 2
    assert node.operations == ((False,) * 7, top_two, top_two)


def test_all_pairs_can_be_selected() -> None:
    """With g = all, or more pairs than there are, every pair and so every edge is selected."""
    for pairs in (None, 6):
        selection = draw(explore=0.0, pairs=pairs)
        assert all(all(node.pairs) for node in selection.nodes["normal"])
        assert all(sum(row) == 2 for node in selection.nodes["normal"] for row in node.operations)


def test_exploration_draws_for_the_whole_step() -> None:
    """With probability p everything is random, else nothing is; a seed decides which."""
    assert draw(explore=1.0) == draw(explore=1.0)
    assert draw(explore=1.0) != draw(explore=1.0, seed=1)
    steps = [draw(explore=0.2, seed=seed) for seed in range(100)]
    explored = [step for step in steps if step != draw(explore=0.0)]
    assert 10 <= len(explored) <= 30
    for step in explored:
        assert all(sum(node.pairs) == 1 for nodes in step.nodes.values() for node in nodes)


def test_masks_follow_the_order_of_architecture_parameters() -> None:
    """Masks come as α of both kinds of cell, then β, with the shapes of these."""
    masks = selection_masks(draw(explore=0.0), torch.device("cpu"))
    assert [tuple(mask.shape) for mask in masks] == [tuple(v.shape) for v in expected_values()]
    assert masks[1].sum() == 4
    assert masks[-1].tolist() == [False] * 5 + [True]
