"""Step-by-step back-propagation: one cell at a time, from the last (On-NAS, section 5.2).

Between the phases of two cells live only the outputs of cells and the gradients with respect to
them. A cell's output feeds the next cell and the one after it, so its gradient is the sum of both
(Eq. 10 and 11): the result is that of ordinary back-propagation. The phase of a cell, which the
paper runs at once, goes node by node here, see `cell_phase`: less memory, and less to run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import torch
from torch import Tensor

from harness.contracts import Batch
from harness.space.backpropagation import BatchOutcome, judge
from harness.space.batch_norm import Kept, frozen_statistics, keep_statistics, known_statistics
from harness.space.cell import Cell
from harness.space.mixing import Mixing
from harness.space.recompute import backward_inputs, backward_nodes, learns, node_values
from harness.space.supernet import Supernet

__all__ = ["PhaseForward", "step_by_step"]

PhaseForward = Literal["stored", "repeated"]


def step_by_step(
    net: Supernet,
    batch: Batch,
    mixing: Mixing,
    share: float = 1.0,
    *,
    phase_forward: PhaseForward = "stored",
) -> BatchOutcome:
    """Compute what `backpropagation.ordinary` does, with the activations of one node at a time.

    The running statistics of batch norm move once: in the first forward pass.

    Args:
        net: the supernet, in training mode.
        batch: images and labels, or a part of them.
        mixing: the weights of its operations, with the drop-path draw of this batch, if any.
        share: the batch's part of the images that one update learns from.
        phase_forward: `stored` keeps the outputs of all cells from the first forward pass;
            `repeated` keeps none and runs forward from the stem for each phase, as in the paper.
    """
    # The phases meet in these leaves, so that the graph from α and β is walked only once.
    weights = mixing.weights()
    leaves = [weight.detach().requires_grad_(weight.requires_grad) for weight in weights]
    phases = _Phases(net, batch.images, mixing.with_weights(leaves), phase_forward == "repeated")
    outcome = phases.head(batch.labels, share)
    for index in reversed(range(len(net.cells))):
        phases.cell(index)
    phases.stem()
    _pass_on(weights, leaves)
    return outcome


def _pass_on(weights: Sequence[Tensor], leaves: Sequence[Tensor]) -> None:
    """Back-propagate what the leaves collected to α and β."""
    pairs = zip(weights, leaves, strict=True)
    reached = [(weight, leaf.grad) for weight, leaf in pairs if leaf.grad is not None]
    if reached:
        torch.autograd.backward([w for w, _ in reached], [gradient for _, gradient in reached])


class _Phases:
    """The phases of one batch, in the order `head`, `cell` from the last to the first, `stem`.

    State 0 is the output of the stem, state i + 1 that of cell i. Cell i reads states i - 1 and i;
    cell 0 reads state 0 twice.
    """

    def __init__(self, net: Supernet, images: Tensor, mixing: Mixing, repeated: bool) -> None:
        self.net, self.images, self.mixing, self.repeated = net, images, mixing, repeated
        self.stem_learns = learns(net.stem)
        self.states: dict[int, Tensor] = {}
        self.gradients: dict[int, Tensor] = {}  # of the loss, with respect to states
        self.kept: dict[int, Kept] = {}  # statistics of batches inside cells, unless repeated

    def head(self, labels: Tensor, share: float) -> BatchOutcome:
        """Run forward for the first time, then back-propagate from the loss to the last cell."""
        last = len(self.net.cells)
        self.run_forward(last)
        features = self.states[last].detach().requires_grad_()
        loss, outcome = judge(self.net.classify(features), labels, share)
        torch.autograd.backward(loss)
        self.collect({last: features})
        if self.repeated:
            self.states.clear()
        return outcome

    def cell(self, index: int) -> None:
        """Back-propagate from the output of a cell to the two states that it reads."""
        cell = cast(Cell, self.net.cells[index])
        frozen = frozen_statistics(self.net if self.repeated else cell)
        with frozen, known_statistics(self.kept.pop(index, {})):
            if self.repeated:
                self.run_forward(index + 1)
            inputs = self.inputs_of(index)
            older, newer = inputs[max(index - 1, 0)], inputs[index]
            of_inputs = backward_nodes(
                cell,
                older,
                newer,
                self.mixing.cells[index],
                # Only later cells read all of it.
                node_values(self.states.pop(index + 1), len(cell.nodes)),
                self.gradients.pop(index + 1),
            )
            backward_inputs(cell, older, newer, of_inputs)
        self.collect(inputs)

    def stem(self) -> None:
        """Back-propagate from the stem's output to its weights."""
        self.states.clear()
        if self.stem_learns:
            with frozen_statistics(self.net.stem):
                output = self.net.stem(self.images)
            torch.autograd.backward(output, self.gradients.pop(0))

    @torch.no_grad()
    def run_forward(self, cells: int) -> None:
        """Run the stem and the first `cells` cells; keep all their outputs, or the last three."""
        self.states[0] = self.net.stem(self.images)
        for index, cell in enumerate(list(self.net.cells)[:cells]):
            if self.repeated:
                self.states.pop(index - 2, None)
            older, newer = self.states[max(index - 1, 0)], self.states[index]
            mixing = self.mixing.cells[index]
            norms = () if self.repeated else cast(Cell, cell).run_again(mixing)
            with keep_statistics(norms) as self.kept[index]:
                self.states[index + 1] = cell(older, newer, mixing)

    def inputs_of(self, index: int) -> dict[int, Tensor]:
        """Return the states that a cell reads as leaves, which collect the gradient."""
        inputs = {i: self.states[i].detach() for i in {max(index - 1, 0), index}}
        for i, leaf in inputs.items():
            leaf.requires_grad_(i > 0 or self.stem_learns)
        if self.repeated:
            self.states = {index + 1: self.states[index + 1]}
        return inputs

    def collect(self, leaves: Mapping[int, Tensor]) -> None:
        """Add to the gradient of each state what the cell of this phase has given it."""
        for i, leaf in leaves.items():
            if leaf.grad is None:
                continue
            if i in self.gradients:
                self.gradients[i] += leaf.grad
            else:
                self.gradients[i] = leaf.grad
