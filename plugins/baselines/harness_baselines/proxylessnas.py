"""ProxylessNAS: direct search by sampled paths (Cai, Zhu and Han, ICLR 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.contracts import Batch, OperationLatency, SearchBatch, SearchContext
from harness.errors import UsageError
from harness.search.parameters import Parts
from harness.space.backpropagation import BatchOutcome
from harness.space.mixing import Mixing
from harness.space.spec import METANAS, SearchSpace, edge_count
from harness_baselines.parameters import ProxylessNasParameters
from harness_baselines.paths import (
    PathMethod,
    binary_gates,
    draw_paths,
    mark_paths,
    most_likely_paths,
    path_mixing,
    restore_total,
)

__all__ = [
    "ProxylessNas",
    "expected_latency",
    "latency_table",
]


def latency_table(
    predict: OperationLatency, device: torch.device, space: SearchSpace = METANAS
) -> list[list[Tensor]]:
    """Return the predicted seconds of each operation: for each cell and node, (edges, operations).

    Args:
        predict: the cost model.
        device: where the tensors are to live.
        space: whose cells, nodes and operations there are.
    """

    def of_node(cell: int, node: int) -> Tensor:
        edges = range(edge_count(node))
        rows = [[predict(cell, edge, each) for each in space.operations] for edge in edges]
        return torch.tensor(rows, device=device, dtype=torch.get_default_dtype())

    cells = range(len(space.cells))
    return [[of_node(cell, node) for node in range(space.nodes)] for cell in cells]


def expected_latency(mixing: Mixing, seconds: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return Σ over edges and paths of gate x seconds (section 3.3).

    Its value is the latency of the active paths. Its gradient is that of the expected latency
    Σ p_j F(o_j) of the two paths drawn on each edge, as binary gates pass on gradients to p.

    Args:
        mixing: of binary gates.
        seconds: a `latency_table`, F.
    """
    cells = zip(mixing.cells, seconds, strict=True)
    nodes = [pair for nodes, of_cell in cells for pair in zip(nodes, of_cell, strict=True)]
    return torch.stack([(node.weights * of_node).sum() for node, of_node in nodes]).sum()


class ProxylessNas(PathMethod):
    """Alternating steps on one or two sampled paths an edge; nodes sum their edges plainly.

    An update of w draws one path on each edge and trains it. An update of α draws two, of which one
    is active, and moves the α of both by the gradients of their binary gates. The gradient of a
    gate needs only its path's output, so the inactive path runs without a graph: memory is that of
    one path, or of two with `inactive_path=kept`. With `latency_weight`, the loss of α has the term
    λ E[latency] (equation 8) for the device of the search; in pretraining it has no such term.

    Predictions run the most likely path on each edge, and the running statistics of the last search
    step are taken with this network, since sampled paths give each operation too few batches, and
    other inputs. Each operation's weights get a seventh of the updates that other methods give
    them. The paper therefore trains the derived network anew; here `derived_share` reserves a part
    of the same steps for that.
    """

    def __init__(self, parameters: ProxylessNasParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = given = parameters or ProxylessNasParameters()
        super().__init__(given, Parts(given.micro_batches, given.micro_batch_images))

    def build(self, context: SearchContext) -> None:
        """Build the supernet, from its initial state if it has one.

        Raises:
            UsageError: a latency term is wanted, but the device has no cost model to predict it.
        """
        super().build(context)
        self.seconds = self._latencies(context)

    def update(self, batch: SearchBatch) -> BatchOutcome:
        """Update α on one part of a batch, then w on the other; in the last steps, maybe w alone.

        In the steps of `derived_share` the most likely paths train alone.
        """
        if self.derives:
            return self.update_weights(batch.weights)
        return super().update(batch)

    @property
    def derives(self) -> bool:
        """Whether this search step trains the derived architecture alone."""
        first = self.steps * (1 - self.parameters.derived_share)
        return not self.pretraining and self.step >= first

    def update_architecture(self, batch: Batch) -> object:
        """Draw two paths on each edge and update their α, leaving the others' probabilities."""
        pairs = self._draw(2)
        active = self._draw_active(pairs)
        self.net.zero_grad()
        if self.seconds is not None:
            latency = expected_latency(self._pair_mixing(pairs, active), self.seconds)
            torch.autograd.backward(self.parameters.latency_weight * latency)
        outcome = self.add_gradients(batch, lambda: self._pair_mixing(pairs, active))
        before = [alpha.detach().clone() for alpha in self.alphas]
        device = self.net.head.weight.device
        self.architecture_optimizer.step(
            [
                mark_paths(pair, alpha.shape[1]).to(device)
                for alpha, pair in zip(self.alphas, pairs, strict=True)
            ]
        )
        restore_total(self.alphas, before, pairs, self.temperature)
        return outcome

    def update_weights(self, batch: Batch) -> BatchOutcome:
        """Draw one path on each edge and update its weights; return what the batch showed."""
        self.net.zero_grad()
        paths = list(map(most_likely_paths, self.alphas)) if self.derives else self._draw(1)
        outcome = self.add_gradients(batch, lambda: self.single_mixing(paths))
        self.weight_optimizer.step()  # weights off the paths have no gradient
        return outcome

    def _latencies(self, context: SearchContext) -> list[list[Tensor]] | None:
        weight = self.parameters.latency_weight
        if weight == 0 or context.pretraining:
            return None
        if context.operation_latency is None:
            raise UsageError(
                f"latency_weight={weight} needs a device with a cost model, and this one has none; "
                "leave latency_weight at 0, or choose another device"
            )
        return latency_table(context.operation_latency, context.device, self.net.space)

    def _draw(self, count: int) -> list[Tensor]:
        temperature, generator = self.temperature, self.generator
        return [draw_paths(alpha, count, temperature, generator) for alpha in self.alphas]

    def _draw_active(self, pairs: list[Tensor]) -> list[Tensor]:
        """Draw one path of each pair by the probabilities of the pair, 0 or 1, (edges, 1)."""
        of_pairs = [
            alpha.gather(1, pair.to(alpha.device))
            for alpha, pair in zip(self.alphas, pairs, strict=True)
        ]
        return [draw_paths(each, 1, self.temperature, self.generator) for each in of_pairs]

    def _pair_mixing(self, pairs: list[Tensor], active: list[Tensor]) -> Mixing:
        """Return the mixing in which the active path of each pair has an open gate."""
        drawn = list(zip(self.alphas, pairs, active, strict=True))
        gates = [binary_gates(*each, self.temperature) for each in drawn]
        if self.parameters.inactive_path == "kept":
            return path_mixing(gates, pairs, cells=self.net.space.cells)
        open_paths = [pair.gather(1, first) for _, pair, first in drawn]
        closed_paths = [pair.gather(1, 1 - first) for _, pair, first in drawn]
        return path_mixing(gates, open_paths, closed_paths, cells=self.net.space.cells)
