"""PC-DARTS against its formulas, written out edge by edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from harness_baselines.pcdarts import PartialCell, PartialSupernet
from torch import Tensor, nn

from harness.contracts import SearchContext
from harness.errors import UsageError
from harness.space.cell import edge_stride
from harness.space.deployed import shuffle_channels
from harness.space.mixing import NodeMixing, draw_drop_path
from harness.space.spec import CELL_KINDS, CELLS, NODES, OPERATIONS, CellKind, edge_count

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize(
    ("groups", "order"),
    [(4, [0, 2, 4, 6, 1, 3, 5, 7]), (2, [0, 4, 1, 5, 2, 6, 3, 7]), (8, list(range(8)))],
)
def test_channels_are_dealt_out(groups: int, order: list[int]) -> None:
    """Eight channels in groups come out in the order that dealing by hand gives."""
    features = torch.arange(8.0)[None, :, None, None].expand(2, 8, 3, 1)
    shuffled = shuffle_channels(features, groups)
    assert shuffled.shape == (2, 8, 3, 1)
    assert shuffled[1, :, 2, 0].tolist() == order


def halved_maxima(x: Tensor) -> Tensor:
    """Return the maxima of 2x2 windows, cut at the border, one window after another."""
    rows = [
        torch.stack(
            [x[:, :, i : i + 2, j : j + 2].amax((2, 3)) for j in range(0, x.shape[3], 2)], -1
        )
        for i in range(0, x.shape[2], 2)
    ]
    return torch.stack(rows, dim=2)


def edge_value(cell: PartialCell, node: int, edge: int, x: Tensor, alpha: Tensor) -> Tensor:
    """Return shuffle(concat(Σ_k softmax(α)_k o_k(seen), rest)): PC-DARTS, section 3.2."""
    cut, channels = x.shape[1] // cell.k, x.shape[1]
    operations = cell.operations(node)[edge]
    outputs = [operation(x[:, :cut]) for operation in operations]
    mixed = sum(a * output for a, output in zip(alpha.softmax(-1)[edge], outputs, strict=True))
    rest = x[:, cut:] if edge_stride(cell.kind, edge) == 1 else halved_maxima(x[:, cut:])
    joined = torch.cat([torch.as_tensor(mixed), rest], dim=1)
    dealt = [group * cut + i for i in range(cut) for group in range(cell.k)]
    assert sorted(dealt) == list(range(channels))
    return joined[:, dealt]


@pytest.mark.parametrize("k", [4, 2])
@pytest.mark.parametrize("kind", CELL_KINDS)
@pytest.mark.parametrize("size", [6, 7])
def test_a_node_sums_partial_edges(k: int, kind: CellKind, size: int) -> None:
    """A node is Σ_e softmax(β)_e edge_e, at both strides, for even and odd sizes, K = 4 and 2."""
    torch.manual_seed(0)
    net = PartialSupernet(1, 2, 8, k)
    cell = PartialCell(kind, 8, k, after_reduction=False)
    half = -(-size // edge_stride(kind, 0))
    states = [torch.randn(3, 8, size, size) for _ in range(2)]
    states += [torch.randn(3, 8, half, half) for _ in range(NODES - 1)]
    mixing = net.mixing().cells[CELLS.index(kind)]
    for node in range(NODES):
        alpha, beta = (net.get_parameter(f"{name}.{kind}.{node}") for name in ("alpha", "beta"))
        inputs = states[: edge_count(node)]
        edges = [edge_value(cell, node, e, x, alpha) for e, x in enumerate(inputs)]
        expected = sum(b * value for b, value in zip(beta.softmax(0), edges, strict=True))
        value = cell.node_value(node, inputs, mixing[node])
        assert value.shape == (3, 8, half, half)
        torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12)


def test_the_bypass_tells_alpha_nothing() -> None:
    """The gradient of α is that of the operations' part alone, and β weighs the bypass too."""
    torch.manual_seed(0)
    net, cell = PartialSupernet(1, 2, 8, 4), PartialCell("normal", 8, 4, after_reduction=False)
    states = [torch.randn(3, 8, 6, 6) for _ in range(2)]
    value = cell.node_value(0, states, net.mixing().cells[0][0])
    bypass = [channel for channel in range(8) if channel % 4]  # shuffled, group 0 is every fourth
    torch.autograd.backward(value[:, bypass].sum())
    alpha, beta = net.get_parameter("alpha.normal.0"), net.get_parameter("beta.normal.0")
    assert alpha.grad is not None
    assert beta.grad is not None
    assert torch.equal(alpha.grad, torch.zeros_like(alpha))
    assert bool((beta.grad != 0).all())


def test_drop_path_drops_operations_only() -> None:
    """With drop path the bypass of each image keeps its edge weight."""
    net, images = PartialSupernet(1, 2, 8, 4), 5
    drop_path = draw_drop_path(images, 0.5, torch.Generator().manual_seed(0))
    plain, dropped = net.mixing(), net.mixing(drop_path=drop_path)
    for cell, (nodes, dropped_nodes) in enumerate(zip(plain.cells, dropped.cells, strict=True)):
        for node, (whole, part) in enumerate(zip(nodes, dropped_nodes, strict=True)):
            assert part.weights.shape == (edge_count(node), 8, images, 1, 1, 1)
            weights, expanded = part.weights[..., 0, 0, 0], whole.weights.unsqueeze(-1)
            torch.testing.assert_close(weights[:, -1], expanded[:, -1].expand(-1, images))
            factors = drop_path.factors[cell][node]
            torch.testing.assert_close(weights[:, :-1], expanded[:, :-1] * factors)


def test_operations_see_a_part_of_the_channels() -> None:
    """Every operation is built for C/K channels and meets the first C/K of its edge's input."""
    cell = PartialCell("reduction", 8, 4, after_reduction=False)
    edges = [edge for node in range(NODES) for edge in cell.operations(node)]
    seen: list[int] = []
    for operation in (operation for edge in edges for operation in edge):
        operation.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
        convolutions = [part for part in operation.modules() if isinstance(part, nn.Conv2d)]
        assert all(part.out_channels == 2 for part in convolutions)
    mixing = PartialSupernet(1, 2, 8, 4).mixing().cells[1]
    cell(torch.randn(2, 24, 6, 6), torch.randn(2, 24, 6, 6), mixing)
    assert seen == [2] * len(OPERATIONS) * 9


def test_edge_weights_are_normalised_over_a_node() -> None:
    """Edge weights x operation weights of each node sum to 1, the bypass's alone to 1 as well."""
    for cell in PartialSupernet(1, 2, 8, 2).mixing(temperature=0.3).cells:
        for node in cell:
            assert node.weights[:, :-1].sum().item() == pytest.approx(1.0)
            assert node.weights[:, -1].sum().item() == pytest.approx(1.0)


def test_architecture_is_of_products() -> None:
    """An edge is kept by softmax(β) x softmax(α): a strong operation on a weak edge goes."""
    net = PartialSupernet(1, 2, 4, 2)
    with torch.no_grad():
        for parameter in net.architecture_parameters():
            parameter.zero_()
        net.get_parameter("alpha.normal.2")[0, 4] = 3.0  # the best operation of all
        net.get_parameter("alpha.normal.2")[2, 6] = 1.0
        net.get_parameter("beta.normal.2").copy_(torch.tensor([-3.0, 0.0, 0.0, 2.0]))
    # Edge 0: 0.005 x 0.77; 1: 0.11 x 0.14; 2: 0.11 x 0.31; 3: 0.78 x 0.14.
    first, second = net.genotype().normal[2]
    assert first == (2, "dil_conv_3x3")
    assert second == (3, OPERATIONS[0])


def test_a_plain_mixing_has_no_bypass() -> None:
    """A mixing without the bypass's column is refused instead of losing an operation."""
    cell = PartialCell("normal", 4, 2, after_reduction=False)
    states = [torch.randn(1, 4, 4, 4)] * 2
    with pytest.raises(ValueError, match="zip"):
        cell.node_value(0, states, NodeMixing(torch.ones(2, len(OPERATIONS))))


def test_k_must_divide_the_channels(build: Any, make_context: Callable[..., SearchContext]) -> None:
    """Where K does not divide C, the error names both."""
    with pytest.raises(UsageError, match=r"k=3 does not divide channels=4"):
        build("pcdarts", make_context(), k=3)
