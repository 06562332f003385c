"""Mixing weights: softmax with temperature, the two forms of the sum over pairs, selections."""

from __future__ import annotations

import math

import pytest
import torch

from harness.space.mixing import draw_drop_path, edge_weights, mix, operation_weights, select_node
from harness.space.spec import CELL_KINDS, OPERATIONS, edge_count, edge_pairs, pair_count


def test_operation_weights_by_hand() -> None:
    """An edge's weights are softmax(α / τ)."""
    alpha = torch.tensor([[math.log(1.0), math.log(2.0), math.log(5.0)]])
    assert operation_weights(alpha, 1.0)[0].tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert operation_weights(alpha, 0.5)[0].tolist() == pytest.approx([1 / 30, 4 / 30, 25 / 30])


def test_edge_weights_by_hand() -> None:
    """An edge's weight is the sum of the softmax weights of the pairs that hold it."""
    beta = torch.tensor([math.log(1.0), math.log(2.0), math.log(5.0)])  # (0,1), (0,2), (1,2)
    assert edge_weights(beta, node=1, temperature=1.0).tolist() == pytest.approx(
        [3 / 8, 6 / 8, 7 / 8]
    )


@pytest.mark.parametrize("node", [0, 1, 2])
def test_both_forms_of_the_node_sum_agree(node: int) -> None:
    """Σ over pairs of weight (o_a + o_b) is Σ over edges of (its pairs' weights) o_edge."""
    outputs, beta = torch.randn(edge_count(node), 5), torch.randn(pair_count(node))
    pair_weights = torch.softmax(beta / 0.3, dim=0)
    by_pairs = sum(
        weight * (outputs[a] + outputs[b])
        for weight, (a, b) in zip(pair_weights, edge_pairs(node), strict=True)
    )
    by_edges = (edge_weights(beta, node, 0.3)[:, None] * outputs).sum(dim=0)
    torch.testing.assert_close(by_edges, by_pairs, rtol=1e-12, atol=0)


def test_unselected_parameters_get_exactly_zero_gradient() -> None:
    """Only selected α and β get a gradient, though softmax couples them, and values do not move."""
    alpha = torch.randn(edge_count(1), len(OPERATIONS), requires_grad=True)
    beta = torch.randn(pair_count(1), requires_grad=True)
    rows = [[k in (1, 4) for k in range(len(OPERATIONS))]] * edge_count(1)
    selected = select_node(1, rows, [False, True, False])  # the pair of edges 0 and 2
    operations = operation_weights(alpha, 0.5, selected.operations)
    edges = edge_weights(beta, 1, 0.5, selected.pairs)
    torch.autograd.backward((torch.randn_like(operations) * operations * edges[:, None]).sum())
    assert alpha.grad is not None
    assert beta.grad is not None
    assert ((alpha.grad != 0) == torch.tensor(selected.operations)).all()
    assert (beta.grad != 0).tolist() == [False, True, False]
    assert torch.equal(operations, operation_weights(alpha, 0.5))


def test_an_edge_is_tracked_iff_a_selected_pair_holds_it() -> None:
    """Operations chosen on an edge that no selected pair holds are not tracked."""
    rows = [[True, False]] * 4
    selection = select_node(2, rows, [False, False, False, False, True, False])  # edges 1 and 3
    assert selection.operations == ((False, False), (True, False), (False, False), (True, False))


def test_drop_path_multiplies_the_weights_image_by_image() -> None:
    """With a drop-path draw a weight is that of the operation times the image's factor."""
    alpha = {kind: [torch.randn(edge_count(n), 7) for n in range(3)] for kind in CELL_KINDS}
    draw = draw_drop_path(4, 0.5, torch.Generator().manual_seed(0))
    plain, dropped = mix(alpha, None), mix(alpha, None, drop_path=draw)
    for plain_cell, dropped_cell, factors in zip(
        plain.cells, dropped.cells, draw.factors, strict=True
    ):
        for before, after, factor in zip(plain_cell, dropped_cell, factors, strict=True):
            assert after.weights.shape == (*before.weights.shape, 4, 1, 1, 1)
            assert torch.equal(after.weights.flatten(2), before.weights[..., None] * factor)
