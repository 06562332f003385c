"""Sampled paths: of each edge's operations one or two are drawn, and only these run.

Cells of a kind share α, and so the paths that are drawn from it, as they share operations in the
discrete architecture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress, zip_longest

import torch
from torch import Tensor
from torch.nn import functional

from harness.contracts import Batch, SearchContext
from harness.search.supernet_method import SupernetMethod
from harness.space.backpropagation import BatchOutcome, accumulate_gradients, ordinary, split_batch
from harness.space.cell import Cell, tracked_sum
from harness.space.mixing import Mixing, NodeMixing, Tracked
from harness.space.spec import CELL_KINDS, CELLS, METANAS, CellKind
from harness.space.supernet import Supernet

__all__ = [
    "PathCell",
    "PathMethod",
    "binary_gates",
    "draw_paths",
    "gumbel_gates",
    "gumbel_noise",
    "mark_paths",
    "most_likely_paths",
    "path_mixing",
    "restore_total",
]


@dataclass(frozen=True)
class PathMixing(NodeMixing):
    """Paths that learn, and others whose output alone is needed, for the gradient of a gate."""

    closed: Tracked | None = None  # [edge][operation]


class PathCell(Cell):
    """A cell in which only the operations run that the mixing tracks or needs the output of."""

    def node_value(self, node: int, states: Sequence[Tensor], mixing: NodeMixing) -> Tensor:
        """Return the value of a node, (N, C, H', W'), from the inputs and the nodes before it."""
        operations = self.operations(node)
        total = tracked_sum(operations, states, mixing)
        closed = mixing.closed if isinstance(mixing, PathMixing) else None
        for edge, row in enumerate(closed or ()):
            for number in compress(range(len(row)), row):
                with torch.no_grad():
                    output = operations[edge][number](states[edge])
                total = total.addcmul(output, mixing.weights[edge, number])
        return total


class PathMethod(SupernetMethod):
    """A search that runs only drawn paths; subclasses say how they are drawn and learned.

    Nodes sum their edges plainly. Predictions run the most likely path on each edge.

    Attributes:
        alphas: for each kind of cell and node, (edges, operations).
    """

    edge_pairs = False

    def build(self, context: SearchContext) -> None:
        """Build the supernet, from its initial state if it has one."""
        super().build(context)
        self.alphas = self.net.architecture_parameters()

    def create_network(self, context: SearchContext) -> Supernet:
        """Return a supernet of path cells."""
        space, channels = context.space or METANAS, context.channels

        def build_cell(kind: CellKind, after_reduction: bool) -> Cell:
            return PathCell(kind, channels, after_reduction=after_reduction, space=space)

        colours, classes = context.image_shape[0], context.classes
        return Supernet(
            colours, classes, channels, edge_pairs=False, build_cell=build_cell, space=space
        )

    def prediction_mixing(self) -> Mixing:
        """Return the most likely path on each edge."""
        return self.single_mixing([most_likely_paths(alpha) for alpha in self.alphas])

    def single_mixing(self, paths: Sequence[Tensor]) -> Mixing:
        """Weigh each of these paths by one, (edges, 1) for each kind of cell and node."""
        drawn = zip(self.alphas, paths, strict=True)
        gates = [mark_paths(path, alpha.shape[1]).to(alpha) for alpha, path in drawn]
        return path_mixing(gates, paths, cells=self.net.space.cells)

    def add_gradients(self, batch: Batch, mixing: Callable[[], Mixing]) -> BatchOutcome:
        """Add the gradients of a batch's loss, part by part, to those that there are."""
        drop_path = self.draw_drop_path(len(batch.labels))
        parts = split_batch(batch, *self.parts)
        return accumulate_gradients(ordinary, self.net, parts, lambda: mixing().dropped(drop_path))


def draw_paths(alpha: Tensor, count: int, temperature: float, generator: torch.Generator) -> Tensor:
    """Draw `count` different operations on each edge from softmax(α / τ), without replacement.

    The largest `count` of α / τ + Gumbel noise are such a sample (Kool et al., ICML 2019), and no
    probability can be too small for them.

    Args:
        alpha: (edges, operations).
        count: of paths on each edge.
        temperature: τ.
        generator: on the CPU, so that every device draws the same.

    Returns:
        Numbers of operations, (edges, count), on the CPU.
    """
    noise = gumbel_noise(alpha, generator)
    return (alpha.detach().cpu() / temperature + noise).topk(count, dim=-1).indices


def gumbel_noise(alpha: Tensor, generator: torch.Generator) -> Tensor:
    """Draw −log(−log u) for each element, on the CPU, so that every device draws the same."""
    return -torch.empty(alpha.shape).exponential_(generator=generator).log()


def gumbel_gates(alpha: Tensor, noise: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Draw one operation on each edge, and return gates and its number.

    A gate is 1 for the operation that is drawn, 0 for others. Its gradient is
    that of h = softmax((log p + o) / τ), p = softmax(α), with Gumbel noise o (equations 5 and 7):
    straight through. The largest of log p + o is a draw from p.

    Args:
        alpha: (edges, operations).
        noise: o, of the same shape.
        temperature: τ.

    Returns:
        The gates, (edges, operations), and the numbers of the operations, (edges, 1), on the CPU.
    """
    soft = torch.softmax((torch.log_softmax(alpha, dim=-1) + noise) / temperature, dim=-1)
    drawn = soft.detach().cpu().argmax(dim=-1, keepdim=True)
    hard = functional.one_hot(drawn.squeeze(1), alpha.shape[1]).to(soft)
    return hard + (soft - soft.detach()), drawn  # the difference is exactly zero


def most_likely_paths(alpha: Tensor) -> Tensor:
    """Return for each edge the operation with the largest α, (edges, 1), on the CPU."""
    return alpha.detach().cpu().argmax(dim=-1, keepdim=True)


def binary_gates(alpha: Tensor, pairs: Tensor, active: Tensor, temperature: float) -> Tensor:
    """Return gates that are 1 for the active path of each pair and 0 elsewhere.

    Their gradients reach α as if the gates were the probabilities p of the pair (equation 4,
    restricted to two paths, section 3.2): dL/dα_i = Σ_j dL/dg_j p_j (δ_ij − p_i) / τ, where p is
    softmax(α / τ) over the pair alone.

    Args:
        alpha: (edges, operations).
        pairs: operations drawn on each edge, (edges, 2).
        active: which of its pair is active, 0 or 1, (edges, 1).
        temperature: τ.

    Returns:
        (edges, operations).
    """
    pairs = pairs.to(alpha.device)
    probabilities = torch.softmax(alpha.gather(1, pairs) / temperature, dim=-1)  # (edges, 2)
    binary = functional.one_hot(active.squeeze(1), 2).to(probabilities)
    gates = binary + (probabilities - probabilities.detach())  # the difference is exactly zero
    return torch.zeros_like(alpha).scatter(1, pairs, gates)


def path_mixing(
    gates: Sequence[Tensor],
    paths: Sequence[Tensor],
    closed: Sequence[Tensor] = (),
    *,
    cells: Sequence[CellKind] = CELLS,
) -> Mixing:
    """Weigh the drawn paths by their gates; nothing else is tracked.

    Args:
        gates: for each kind of cell and node, (edges, operations).
        paths: for each of them the operations that are to learn, (edges, count).
        closed: the operations whose output alone is needed, (edges, count).
        cells: their kinds, from the first to the last.
    """
    rest = zip_longest(gates, paths, closed)
    nodes = [
        PathMixing(
            gate,
            mark_paths(path, gate.shape[1]).tolist(),
            closed=None if others is None else mark_paths(others, gate.shape[1]).tolist(),
        )
        for gate, path, others in rest
    ]
    count = len(nodes) // len(CELL_KINDS)
    kinds = {kind: tuple(nodes[n * count :][:count]) for n, kind in enumerate(CELL_KINDS)}
    return Mixing(tuple(kinds[kind] for kind in cells))


def mark_paths(paths: Tensor, operations: int) -> Tensor:
    """Return True for the given paths, (edges, operations), of numbers (edges, count)."""
    return torch.zeros(len(paths), operations, dtype=torch.bool).scatter(1, paths, True)


@torch.no_grad()
def restore_total(
    alphas: Iterable[Tensor], before: Iterable[Tensor], pairs: Iterable[Tensor], temperature: float
) -> None:
    """Shift both α of each pair equally, so that no other path's probability has changed.

    For this, the pair's Σ exp(α / τ) must be as before (section 3.2; the paper's ratio of path
    weights is a difference of α).

    Args:
        alphas: after an update, (edges, operations) each; they are changed.
        before: the same, before it.
        pairs: what was updated, (edges, 2) each.
        temperature: τ.
    """
    for alpha, old, of_edges in zip(alphas, before, pairs, strict=True):
        pair = of_edges.to(alpha.device)
        total = torch.logsumexp(old.gather(1, pair) / temperature, dim=-1, keepdim=True)
        updated = alpha.gather(1, pair)
        present = torch.logsumexp(updated / temperature, dim=-1, keepdim=True)
        alpha.scatter_(1, pair, updated + temperature * (total - present))
