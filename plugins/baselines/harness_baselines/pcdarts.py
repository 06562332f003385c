"""PC-DARTS: on each edge the operations see a part of the channels (Xu et al., ICLR 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.contracts import SearchContext
from harness.errors import UsageError
from harness.space.cell import Cell, edge_stride, mixed_sum
from harness.space.deployed import shuffle_channels
from harness.space.genotype import Genotype, derive_genotype
from harness.space.mixing import (
    DropPath,
    Mixing,
    NodeMixing,
    UpdateSelection,
    mix,
    operation_weights,
)
from harness.space.recompute import accumulate, backward_sum, in_one_piece
from harness.space.spec import METANAS, CellKind, SearchSpace, edge_count
from harness.space.supernet import Supernet, architecture_noise, by_kind
from harness_baselines.darts import FirstOrderMethod
from harness_baselines.parameters import PcDartsParameters

__all__ = [
    "PartialCell",
    "PartialSupernet",
    "PcDarts",
]


class PartialCell(Cell):
    """A cell whose operations see the first C/K channels of each edge; the rest bypasses them.

    An edge gives shuffle(concat(Σ_k a_k o_k(seen), rest)), weighed by its edge weight. Shuffling
    only reorders channels, so it is done once for each node, on the sum over its edges.
    """

    def __init__(
        self,
        kind: CellKind,
        channels: int,
        k: int,
        *,
        after_reduction: bool,
        space: SearchSpace = METANAS,
    ) -> None:
        """Build a cell of width C = `channels`, whose operations have C/`k` channels."""
        super().__init__(
            kind,
            channels,
            after_reduction=after_reduction,
            operation_channels=channels // k,
            space=space,
        )
        self.k, self.seen = k, channels // k

    def node_value(self, node: int, states: Sequence[Tensor], mixing: NodeMixing) -> Tensor:
        """Return the value of a node, (N, C, H', W'), from the inputs and the nodes before it.

        The last column of the weights, (edges, operations + 1), is that of the bypass.
        """
        of_operations, of_bypass = mixing.weights[:, :-1], mixing.weights[:, -1]
        seen = [state[:, : self.seen] for state in states]  # (N, C/K, H, W)
        operations = mixing.with_weights(of_operations)
        mixed = mixed_sum(self.operations(node), seen, operations)  # (N, C/K, H', W')
        bypass = mixing.weights.new_zeros(())
        for edge, weight in enumerate(of_bypass):
            rest = self._bypass(edge, states[edge][:, self.seen :])
            bypass = torch.addcmul(bypass, rest, weight)  # (N, C - C/K, H', W')
        return shuffle_channels(torch.cat([mixed, bypass], dim=1), self.k)

    def backward_node(
        self, node: int, states: Sequence[Tensor], mixing: NodeMixing, gradient: Tensor
    ) -> None:
        """Add the gradients of a node's value to `.grad` of `states` and `mixing`, both leaves."""
        dealt = shuffle_channels(gradient, gradient.shape[1] // self.k)  # undoes the shuffle
        parts = [_leaves(state, [self.seen]) for state in states]
        (seen, rest), edges = zip(*parts, strict=True), range(len(states))
        of_operations, of_bypass = _leaves(mixing.weights, [mixing.weights.shape[1] - 1])
        bypass = [[partial(self._bypass, edge)] for edge in edges]
        operations = mixing.with_weights(of_operations)
        backward_sum(self.operations(node), seen, operations, in_one_piece(dealt[:, : self.seen]))
        backward_sum(bypass, rest, NodeMixing(of_bypass), dealt[:, self.seen :])
        for whole, leaves in zip(
            (*states, mixing.weights), (*parts, (of_operations, of_bypass)), strict=True
        ):
            _join_gradients(whole, leaves)

    def _bypass(self, edge: int, rest: Tensor) -> Tensor:
        """Return the rest unchanged or, if the edge has stride 2, its 2x2 maxima."""
        if edge_stride(self.kind, edge) == 1:
            return rest
        # At odd sizes the last window is cut, as the operations too give ceil(H/2).
        return functional.max_pool2d(rest, kernel_size=2, ceil_mode=True)


class PartialSupernet(Supernet):
    """A supernet of partial cells; β has one number for each edge, `beta.<kind>.<node>`, (edges,).

    An edge's weight is the softmax of β over the edges of its node (edge normalization, PC-DARTS,
    section 3.3).
    """

    def __init__(
        self,
        image_channels: int,
        classes: int,
        channels: int,
        k: int,
        *,
        space: SearchSpace = METANAS,
    ) -> None:
        """Build it, drawing w, then α, then β from torch's global generator.

        Raises:
            UsageError: `k` does not divide `channels`.
        """
        if channels % k:
            raise UsageError(
                f"PC-DARTS gives its operations 1/k of a cell's channels, but k={k} does not "
                f"divide channels={channels}; choose a k, or channels in the budget, that fit"
            )

        def build_cell(kind: CellKind, after_reduction: bool) -> Cell:
            return PartialCell(kind, channels, k, after_reduction=after_reduction, space=space)

        super().__init__(
            image_channels,
            classes,
            channels,
            edge_pairs=False,
            build_cell=build_cell,
            space=space,
        )
        self.beta: nn.ModuleDict = architecture_noise(lambda node: (edge_count(node),), space.nodes)

    def mixing(
        self,
        temperature: float = 1.0,
        selection: UpdateSelection | None = None,
        drop_path: DropPath | None = None,
    ) -> Mixing:
        """Compute edge weight x softmax(α / τ) of every operation, and the bypass's weight.

        The bypass is the last column, after an edge's operations, with the edge's weight. Drop path
        never leaves it out, since it is not an operation.
        """
        cells = self.space.cells
        plain = mix(by_kind(self.alpha), None, temperature, selection, drop_path, cells=cells)
        edges = self._edge_weights(temperature)
        of_nodes = [edge for kind in cells for edge in edges[kind]]
        pairs = zip(plain.weights(), of_nodes, strict=True)
        return plain.with_weights([_scale(weights, edge) for weights, edge in pairs])

    def genotype(self) -> Genotype:
        """Keep the two edges of each node with the largest edge weight x operation weight.

        Each carries the operation that gave it this product, as in the paper's code (section 3.3:
        both are multiplied to evaluate an edge). Temperature 1.
        """
        edges = self._edge_weights()
        products = {
            kind: [
                (operation_weights(alpha, 1.0) * edge.unsqueeze(-1)).tolist()
                for alpha, edge in zip(nodes, edges[kind], strict=True)
            ]
            for kind, nodes in by_kind(self.alpha).items()
        }
        return derive_genotype(products, space=self.space)

    def _edge_weights(self, temperature: float = 1.0) -> dict[CellKind, list[Tensor]]:
        return {
            kind: [torch.softmax(beta / temperature, dim=0) for beta in nodes]
            for kind, nodes in by_kind(self.beta).items()
        }


def _leaves(tensor: Tensor, places: list[int]) -> Sequence[Tensor]:
    """Split dimension 1 at `places` into leaves that share the tensor's memory."""
    parts = tensor.detach().tensor_split(places, dim=1)
    return [part.requires_grad_(tensor.requires_grad) for part in parts]


def _join_gradients(whole: Tensor, parts: Sequence[Tensor]) -> None:
    if whole.requires_grad:
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parts]
        accumulate(whole, torch.cat(gradients, dim=1))


def _scale(weights: Tensor, edges: Tensor) -> Tensor:
    """Append the bypass to (edges, operations), or (edges, operations, N, 1, 1, 1); times (edges,).

    Returns:
        (edges, operations + 1), or (edges, operations + 1, N, 1, 1, 1).
    """
    with_bypass = torch.cat([weights, torch.ones_like(weights[:, :1])], dim=1)
    return with_bypass * edges.reshape(-1, *[1] * (weights.dim() - 1))


class PcDarts(FirstOrderMethod):
    """DARTS, first order, with partial channel connections and edge normalization.

    The operations of each edge see 1/K of its channels. Departures from its paper, so that all
    methods here train alike: α learns from the first step on (the paper lets only w learn at
    first), and the batches grow no larger for the memory that is saved.
    """

    def __init__(self, parameters: PcDartsParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or PcDartsParameters()
        super().__init__(self.parameters, self.parameters)

    def create_network(self, context: SearchContext) -> PartialSupernet:
        """Return the partially connected supernet.

        Raises:
            UsageError: K does not divide the width of a cell.
        """
        image_channels, classes = context.image_shape[0], context.classes
        space = context.space or METANAS
        return PartialSupernet(
            image_channels, classes, context.channels, self.parameters.k, space=space
        )
