"""ProxylessNAS: direct search by sampled paths (Cai, Zhu and Han, ICLR 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.contracts import Batch, SearchContext
from harness.errors import UsageError
from harness.search.supernet_method import SupernetMethod
from harness.space.backpropagation import Outcome, ordinary
from harness.space.cell import Cell
from harness.space.mixing import Mixing
from harness.space.supernet import Supernet
from harness.space.topology import CellKind
from harness_baselines.latency import expected_latency, latency_table
from harness_baselines.parameters import ProxylessNasParameters
from harness_baselines.paths import (
    PathCell,
    binary_gates,
    draw_paths,
    mark_paths,
    most_likely_paths,
    path_mixing,
    restore_total,
)

__all__ = ["ProxylessNas"]


class ProxylessNas(SupernetMethod):
    """Alternating steps on one or two sampled paths an edge; nodes sum their edges plainly.

    An update of w draws one path on each edge and trains it. An update of α draws two, of which one
    is active, and moves the α of both by the gradients of their binary gates; nothing else runs, so
    memory is that of two paths at most. With `latency_weight` the loss of α has the term
    λ E[latency] (equation 8) of the device that the search is for; offline it has none.

    Predictions run the most likely path on each edge, and the running statistics of the last search
    step are those of this network: sampled paths give each operation too few batches, and other
    inputs than it then has.
    """

    edge_pairs = False

    def __init__(self, parameters: ProxylessNasParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or ProxylessNasParameters()
        super().__init__(self.parameters)

    def build(self, context: SearchContext) -> None:
        """Build the supernet, from its initial state if it has one.

        Raises:
            UsageError: a latency term is wanted, but no cost model is there to predict it.
        """
        super().build(context)
        self.seconds = self._latencies(context)
        self.generator = context.generator
        self.alphas = self.net.architecture_parameters()  # (edges, operations) each

    def create_network(self, context: SearchContext) -> Supernet:
        """Return a supernet of path cells."""

        def build_cell(kind: CellKind, after_reduction: bool) -> Cell:
            return PathCell(kind, context.channels, after_reduction=after_reduction)

        image_channels, classes = context.image_shape[0], context.classes
        return Supernet(
            image_channels, classes, context.channels, edge_pairs=False, build_cell=build_cell
        )

    def update_architecture(self, batch: Batch) -> object:
        """Draw two paths on each edge and update their α, leaving the others' probabilities."""
        pairs = self._draw(2)
        mixing = self._pair_mixing(pairs)
        self.net.zero_grad()
        if self.seconds is not None:
            latency = expected_latency(mixing, self.seconds)
            # The gates are passed once more, by the loss of the batch.
            torch.autograd.backward(self.parameters.latency_weight * latency, retain_graph=True)
        drop_path = self.draw_drop_path(len(batch.labels))
        outcome = ordinary(self.net, batch, mixing.dropped(drop_path))
        before = [alpha.detach().clone() for alpha in self.alphas]
        device = self.net.head.weight.device
        self.architecture_optimizer.step([mark_paths(pair).to(device) for pair in pairs])
        restore_total(self.alphas, before, pairs, self.temperature)
        return outcome

    def update_weights(self, batch: Batch) -> Outcome:
        """Draw one path on each edge and update its weights; return what the batch showed."""
        self.net.zero_grad()
        drop_path = self.draw_drop_path(len(batch.labels))
        mixing = self._single_mixing(self._draw(1)).dropped(drop_path)
        outcome = ordinary(self.net, batch, mixing)
        self.weight_optimizer.step()  # weights off the paths have no gradient
        return outcome

    def prediction_mixing(self) -> Mixing:
        """Return the most likely path on each edge."""
        return self._single_mixing([most_likely_paths(alpha) for alpha in self.alphas])

    def _latencies(self, context: SearchContext) -> list[list[Tensor]] | None:
        weight = self.parameters.latency_weight
        if weight == 0 or context.pretraining:
            return None
        if context.operation_latency is None:
            raise UsageError(
                f"latency_weight={weight} needs a device with a cost model, and this one has none; "
                "leave latency_weight at 0, or choose another device"
            )
        return latency_table(context.operation_latency, context.device)

    def _draw(self, count: int) -> list[Tensor]:
        temperature, generator = self.temperature, self.generator
        return [draw_paths(alpha, count, temperature, generator) for alpha in self.alphas]

    def _pair_mixing(self, pairs: list[Tensor]) -> Mixing:
        """Open the gate of one path of each pair, drawn by the probabilities of the pair."""
        temperature = self.temperature
        gates = []
        for alpha, pair in zip(self.alphas, pairs, strict=True):
            of_pair = alpha.gather(1, pair.to(alpha.device))
            active = draw_paths(of_pair, 1, temperature, self.generator)
            gates.append(binary_gates(alpha, pair, active, temperature))
        return path_mixing(gates, pairs)

    def _single_mixing(self, paths: list[Tensor]) -> Mixing:
        drawn = zip(self.alphas, paths, strict=True)
        return path_mixing([mark_paths(path).to(alpha) for alpha, path in drawn], paths)
