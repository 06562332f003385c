"""The weighted sum of a node, with and without tracked operations, and a cell run alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from harness.space.cell import Cell, mixed_sum, tracked_sum
from harness.space.mixing import NodeMixing
from harness.space.supernet import Supernet


class Times(nn.Module):
    """Multiplies by a learned number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def two_edges() -> tuple[list[list[nn.Module]], list[Tensor], Tensor]:
    """Return operations that multiply by 2, 3 and 5, 7, inputs 1 and 10, and weights."""
    operations: list[list[nn.Module]] = [[Times(2.0), Times(3.0)], [Times(5.0), Times(7.0)]]
    inputs = [torch.full((1, 1, 1, 1), value, requires_grad=True) for value in (1.0, 10.0)]
    return operations, inputs, torch.tensor([[0.1, 0.2], [0.3, 0.4]], requires_grad=True)


def test_a_node_sums_weighted_operations() -> None:
    """A node is Σ weight_ek o_k(x_e), checked by hand."""
    operations, inputs, weights = two_edges()
    value = mixed_sum(operations, inputs, NodeMixing(weights))
    assert value.item() == pytest.approx(0.1 * 2 + 0.2 * 3 + 0.3 * 50 + 0.4 * 70)


def test_untracked_operations_count_but_get_no_gradient() -> None:
    """An untracked operation keeps its share of the value; neither it nor its path learns."""
    operations, inputs, weights = two_edges()
    mixing = NodeMixing(weights, [[True, False], [False, False]])
    value = mixed_sum(operations, inputs, mixing)
    torch.autograd.backward(value)
    assert value.item() == pytest.approx(43.8)
    assert [[op.get_parameter("factor").grad for op in edge] for edge in operations] == [
        [torch.tensor(0.1), None],
        [None, None],
    ]
    assert weights.grad is not None
    assert weights.grad.tolist() == [[2.0, 0.0], [0.0, 0.0]]
    assert inputs[0].grad is not None
    assert inputs[0].grad.item() == pytest.approx(0.1 * 2)
    assert inputs[1].grad is None


def test_tracked_sum_has_the_same_gradients() -> None:
    """The tracked part alone gives the gradients of the whole node."""
    gradients = []
    for compute in (mixed_sum, tracked_sum):
        operations, inputs, weights = two_edges()
        mixing = NodeMixing(weights, [[True, False], [False, True]])
        torch.autograd.backward(compute(operations, inputs, mixing))
        gradients.append([weights.grad, *(x.grad for x in inputs)])
    for whole, part in zip(*gradients, strict=True):
        assert whole is not None
        assert torch.equal(whole, part)


@pytest.mark.parametrize("size", [8, 15, 21])
def test_a_cell_runs_alone(size: int) -> None:
    """A cell runs on the outputs of two cells, halving in reduction cells and after them."""
    mixing = Supernet(1, 2, 4).mixing().cells
    half = -(-size // 2)
    full, reduced = torch.randn(2, 12, size, size), torch.randn(2, 12, half, half)
    normal = Cell("normal", 4, after_reduction=False)
    reduction = Cell("reduction", 4, after_reduction=False)
    after = Cell("normal", 4, after_reduction=True)
    assert normal(full, full, mixing[0]).shape == (2, 12, size, size)
    assert reduction(full, full, mixing[1]).shape == (2, 12, half, half)
    assert after(full, reduced, mixing[2]).shape == (2, 12, half, half)
