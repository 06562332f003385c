"""The binary gates of ProxylessNAS by hand: values, gradients, draws, restored probabilities."""

from __future__ import annotations

import math

import pytest
import torch
from harness_baselines.paths import (
    binary_gates,
    draw_paths,
    mark_paths,
    most_likely_paths,
    path_mixing,
    restore_total,
)
from torch import Tensor, nn

from harness.search.optimizers import ArchitectureOptimizer
from harness.space.cell import tracked_sum
from harness.space.mixing import NodeMixing
from harness.space.spec import CELL_KINDS, CELLS, NODES, OPERATIONS, edge_count

pytestmark = pytest.mark.usefixtures("double_precision")

PROBABILITIES = torch.tensor([0.30, 0.25, 0.20, 0.10, 0.08, 0.05, 0.02])
DRAWS = 40_000


def alpha_of(*edges: dict[int, float]) -> nn.Parameter:
    """Return α with the given probabilities before normalising, elsewhere 1."""
    weights = torch.ones(len(edges), len(OPERATIONS))
    for edge, values in enumerate(edges):
        for operation, value in values.items():
            weights[edge, operation] = value
    return nn.Parameter(weights.log())


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("active", [0, 1])
def test_gates_by_hand(temperature: float, active: int) -> None:
    """A gate is 1 or 0; dL/dα_i is Σ_j dL/dg_j p_j (δ_ij − p_i) / τ over the pair, else zero."""
    alpha = alpha_of({4: 3.0**temperature})  # p of the pair is (3/4, 1/4) at each τ
    gates = binary_gates(alpha, torch.tensor([[4, 1]]), torch.tensor([[active]]), temperature)
    expected = [0.0] * len(OPERATIONS)
    expected[(4, 1)[active]] = 1.0
    assert gates.tolist() == [expected]
    upstream = torch.full_like(alpha, 100.0)  # of paths that were not drawn: must not matter
    upstream[0, 4], upstream[0, 1] = 10.0, 2.0
    torch.autograd.backward(gates, upstream)
    assert alpha.grad is not None
    by_hand = [0.0] * len(OPERATIONS)
    by_hand[4] = (10 * 0.75 * (1 - 0.75) - 2 * 0.25 * 0.75) / temperature  # = 1.5 / τ
    by_hand[1] = (2 * 0.25 * (1 - 0.25) - 10 * 0.75 * 0.25) / temperature
    assert alpha.grad[0].tolist() == pytest.approx(by_hand)
    assert alpha.grad[0].count_nonzero() == 2


class Times(nn.Module):
    """Multiplies by a learned number, and says that it ran."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor, self.runs = nn.Parameter(torch.tensor(factor)), 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        return self.factor * x


def test_gradients_of_gates_are_products_with_the_outputs() -> None:
    """With dL/dy = 1 the gradient of a gate is its operation's output; two operations run."""
    operations = [Times(float(k + 1)) for k in range(len(OPERATIONS))]
    alpha, pair = alpha_of({2: 1.0, 6: 1.0}), torch.tensor([[2, 6]])  # p = (1/2, 1/2)
    gates = binary_gates(alpha, pair, torch.tensor([[1]]), 1.0)
    mixing = NodeMixing(gates, mark_paths(pair, 7).tolist())
    value = tracked_sum([list[nn.Module](operations)], [torch.tensor([[[[10.0]]]])], mixing)
    assert value.item() == 70.0  # the active path's output alone
    torch.autograd.backward(value)
    assert alpha.grad is not None
    # o_2 = 30 and o_6 = 70: dL/dα_2 = 30/4 - 70/4.
    assert alpha.grad[0].tolist() == [0, 0, -10.0, 0, 0, 0, 10.0]
    assert [operation.runs for operation in operations] == [0, 0, 1, 0, 0, 0, 1]
    assert [operation.factor.grad for operation in operations] == [
        None, None, torch.tensor(0.0), None, None, None, torch.tensor(10.0),
    ]  # fmt: skip


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_one_path_is_drawn_by_its_probability(temperature: float) -> None:
    """Of many draws each operation has its share of softmax(α / τ), within four deviations."""
    alpha = (temperature * PROBABILITIES.log()).expand(DRAWS, -1)
    drawn = draw_paths(alpha, 1, temperature, torch.Generator().manual_seed(0))
    shares = drawn.flatten().bincount(minlength=len(OPERATIONS)) / DRAWS
    deviations = (PROBABILITIES * (1 - PROBABILITIES) / DRAWS).sqrt()
    assert bool(((shares - PROBABILITIES).abs() < 4 * deviations).all())


def test_two_paths_are_drawn_without_replacement() -> None:
    """A pair (i, j) comes up with p_i p_j (1 / (1 − p_i) + 1 / (1 − p_j)), never one path twice."""
    drawn = draw_paths(
        PROBABILITIES.log().expand(DRAWS, -1), 2, 1.0, torch.Generator().manual_seed(0)
    )
    pairs = drawn.sort(dim=1).values
    found = (pairs[:, 0] * 7 + pairs[:, 1]).bincount(minlength=49).reshape(7, 7) / DRAWS
    products = PROBABILITIES[:, None] * PROBABILITIES
    odds = 1 / (1 - PROBABILITIES)
    expected = (products * (odds[:, None] + odds)).triu(diagonal=1)
    deviations = (expected * (1 - expected) / DRAWS).sqrt()
    assert expected.sum().item() == pytest.approx(1.0)
    assert bool(((found - expected).abs() <= 4 * deviations).all())


def test_no_probability_is_too_small_to_draw() -> None:
    """Where all but one probability are zero in floating point, there are two paths still."""
    alpha = torch.tensor([[0.0, 900.0, 0.0, 0.0, 0.0, 0.0, 0.0]]).expand(50, -1)
    drawn = draw_paths(alpha, 2, 0.1, torch.Generator().manual_seed(0))
    assert bool((drawn[:, 0] == 1).all())
    assert bool((drawn[:, 1] != 1).all())


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_other_paths_keep_their_probabilities(temperature: float) -> None:
    """After an update of two α and its rescaling, only the two and their probabilities moved."""
    generator = torch.Generator().manual_seed(0)
    alpha = nn.Parameter(torch.randn(5, 7, generator=generator))
    before = alpha.detach().clone()
    pairs = draw_paths(alpha, 2, temperature, generator)
    marked = mark_paths(pairs, 7)
    alpha.grad = torch.randn(5, 7, generator=generator)
    ArchitectureOptimizer([alpha], lr=0.5, weight_decay=1e-3).step([marked])
    difference = -alpha.detach().gather(1, pairs).diff()
    restore_total([alpha], [before], [pairs], temperature)
    assert torch.equal(alpha[~marked], before[~marked])
    assert bool((alpha != before)[marked].all())
    old, new = (torch.softmax(values / temperature, dim=1) for values in (before, alpha.detach()))
    torch.testing.assert_close(new[~marked], old[~marked], rtol=1e-12, atol=0)
    # What was learned, the difference of the two, stays.
    torch.testing.assert_close(-alpha.detach().gather(1, pairs).diff(), difference)


def test_the_rescaling_by_hand() -> None:
    """α of (0, 0) that became (ln 3, 0) are (ln 3/2, ln 1/2): their weights add up to 2 again."""
    alpha = torch.zeros(1, 7)
    alpha[0, 5] = math.log(3)
    restore_total([alpha], [torch.zeros(1, 7)], [torch.tensor([[5, 0]])], 1.0)
    expected = [math.log(0.5), 0, 0, 0, 0, math.log(1.5), 0]
    assert alpha[0].tolist() == pytest.approx(expected)


def test_the_most_likely_path_has_the_largest_alpha() -> None:
    """On each edge one path is the most likely."""
    assert most_likely_paths(alpha_of({3: 2.0}, {6: 1.5, 0: 1.4})).tolist() == [[3], [6]]


def test_cells_of_a_kind_run_the_same_paths() -> None:
    """Node by node, gates go to both cells of their kind, and only the paths are tracked."""
    nodes = [edge_count(node) for _ in CELL_KINDS for node in range(NODES)]
    gates = [torch.full((edges, 7), float(i)) for i, edges in enumerate(nodes)]
    paths = [torch.full((edges, 1), i) for i, edges in enumerate(nodes)]
    for kind, cell in zip(CELLS, path_mixing(gates, paths).cells, strict=True):
        for node, mixing in enumerate(cell):
            number = CELL_KINDS.index(kind) * NODES + node
            assert mixing.weights is gates[number]
            assert mixing.tracked is not None
            assert all(row == [k == number for k in range(7)] for row in mixing.tracked)
