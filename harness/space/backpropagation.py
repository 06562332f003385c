"""Loss and gradients of a batch, whole or in parts, by any engine: ordinary ones, and streamed.

With the streamed engine a cell is one function in the network's graph, which keeps what it read and
what it gave, and of what is inside only statistics of batches. Its backward pass runs the
operations again, one at a time (`recompute`). Other than `step_by_step` it leaves the order of
things to automatic differentiation, so that a cell may be used anywhere in a graph, and one tensor
may be the input of several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import cross_entropy

from harness.contracts import Batch, StepMetrics
from harness.space.batch_norm import frozen_statistics, keep_statistics, known_statistics
from harness.space.cell import Cell
from harness.space.mixing import CellMixing, Mixing, NodeMixing
from harness.space.recompute import backward_inputs, backward_nodes, learns, node_values
from harness.space.supernet import Supernet

__all__ = [
    "BatchOutcome",
    "Engine",
    "accumulate_gradients",
    "judge",
    "ordinary",
    "pass_runner",
    "recomputed",
    "split_batch",
    "step_metrics",
    "streamed",
    "streamed_cell",
]


@dataclass(frozen=True)
class BatchOutcome:
    """What a forward pass showed; outcomes of the parts of a batch add up to that of the batch."""

    loss: Tensor  # (), cross entropy times the part's share of the batch, without a graph
    accuracy: Tensor  # (), percent times that share

    def __add__(self, other: BatchOutcome) -> BatchOutcome:
        """Join the outcomes of two parts."""
        return BatchOutcome(self.loss + other.loss, self.accuracy + other.accuracy)


class Engine(Protocol):
    """A way to compute the gradients of one batch."""

    def __call__(
        self, net: Supernet, batch: Batch, mixing: Mixing, share: float = 1.0
    ) -> BatchOutcome:
        """Run forward and backward in training mode.

        Gradients of `share` x cross entropy are added to `.grad` of each parameter of `net` that
        requires a gradient, and of those that `mixing` was computed from.

        Args:
            net: the supernet.
            batch: images and labels, or a part of them.
            mixing: the weights of its operations.
            share: the batch's part of the images that one update learns from.
        """


def ordinary(net: Supernet, batch: Batch, mixing: Mixing, share: float = 1.0) -> BatchOutcome:
    """Back-propagate through the whole network at once: every activation lives until then."""
    loss, outcome = judge(net(batch.images, mixing), batch.labels, share)
    torch.autograd.backward(loss)
    return outcome


def judge(logits: Tensor, labels: Tensor, share: float) -> tuple[Tensor, BatchOutcome]:
    """Return `share` x mean cross entropy with its graph, and the outcome without."""
    loss = share * cross_entropy(logits, labels)
    correct = (logits.detach().argmax(dim=1) == labels).to(loss.dtype).mean()
    return loss, BatchOutcome(loss.detach(), 100.0 * share * correct)


def split_batch(batch: Batch, number: int, smallest: int) -> list[Batch]:
    """Split a batch into at most `number` parts whose sizes differ by at most one image.

    A part has `smallest` images or more, unless the batch itself has fewer than twice as
    many. The parts are views.
    """
    count = max(1, min(number, len(batch.labels) // smallest))
    images, labels = batch.images.tensor_split(count), batch.labels.tensor_split(count)
    return [Batch(*part) for part in zip(images, labels, strict=True)]


def _run_pass(
    engine: Engine, net: Supernet, batch: Batch, mixing: Callable[[], Mixing], share: float
) -> BatchOutcome:
    return engine(net, batch, mixing(), share=share)


RunPass = Callable[[Engine, Supernet, Batch, Callable[[], Mixing], float], BatchOutcome]

pass_runner: ContextVar[RunPass] = ContextVar("pass_runner", default=_run_pass)
"""What runs an engine on a part of a batch; an estimate has one that remembers."""


def accumulate_gradients(
    engine: Engine, net: Supernet, parts: Sequence[Batch], mixing: Callable[[], Mixing]
) -> BatchOutcome:
    """Add the gradients of a batch's mean loss to `.grad`, one part of the batch at a time.

    Each part counts by its share of the images. Batch norm sees the parts one by one, so its
    statistics, and through them the gradients, are not those of the whole batch.

    Args:
        engine: computes the gradients of a part.
        net: the supernet.
        parts: what one update learns from, see `split_batch`.
        mixing: makes the weights of the operations, anew for each part: a graph is walked once.
    """
    images = sum(len(part.labels) for part in parts)
    run = pass_runner.get()
    outcomes = [run(engine, net, part, mixing, len(part.labels) / images) for part in parts]
    return sum(outcomes[1:], start=outcomes[0])


def step_metrics(outcomes: Iterable[BatchOutcome]) -> StepMetrics:
    """Return the means of what each batch of a step showed; the batches may run as this reads them.

    Raises:
        ValueError: there was no batch.
    """
    total, count = None, 0
    for outcome in outcomes:
        total = outcome if total is None else total + outcome
        count += 1
    if total is None:
        raise ValueError("a search step needs at least one batch")
    # The only wait for the device in a step.
    return StepMetrics(loss=float(total.loss) / count, accuracy=float(total.accuracy) / count)


def streamed(net: Supernet, batch: Batch, mixing: Mixing, share: float = 1.0) -> BatchOutcome:
    """Compute what `ordinary` does, with the activations of one operation at a time.

    Between the cells live their outputs; the running statistics of batch norm move once.
    """
    newer = older = net.stem(batch.images)
    for cell, cell_mixing in zip(net.cells, mixing.cells, strict=True):
        older, newer = newer, streamed_cell(cast(Cell, cell), older, newer, cell_mixing)
    loss, outcome = judge(net.classify(newer), batch.labels, share)
    torch.autograd.backward(loss)
    return outcome


def streamed_cell(cell: Cell, older: Tensor, newer: Tensor, mixing: CellMixing) -> Tensor:
    """Run a cell in training mode as one function of the graph.

    Its weights get their gradients in the backward pass, added to `.grad`, whatever that pass was
    asked for.

    Args:
        cell: the cell.
        older: output of the cell before the last, (N, 3C, H or 2H, W or 2W).
        newer: output of the last cell, (N, 3C, H, W); it may be the same tensor.
        mixing: weights for each node.

    Returns:
        (N, 3C, H', W'), without a second derivative and for one backward pass.
    """
    weights = [node.weights for node in mixing]
    if learns(cell) and not any(each.requires_grad for each in (older, newer, *weights)):
        newer = newer.detach().requires_grad_()  # so that the backward pass comes here at all
    detached = [node.with_weights(node.weights.detach()) for node in mixing]
    output: Tensor = _RecomputedCell.apply(cell, detached, older, newer, *weights)
    return output


class _RecomputedCell(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cell: Cell,
        nodes: Sequence[NodeMixing],
        older: Tensor,
        newer: Tensor,
        *weights: Tensor,
    ) -> Tensor:
        mixing = tuple(map(NodeMixing.with_weights, nodes, weights))
        with keep_statistics(cell.run_again(mixing)) as kept:
            output: Tensor = cell(older, newer, mixing)
        ctx.cell, ctx.nodes, ctx.kept = cell, nodes, kept
        # Not saved, or it would live until all of the cell's gradients are there.
        ctx.output = output.detach()
        ctx.save_for_backward(older, newer, *weights)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        older, newer, *weights = ctx.saved_tensors
        leaves = [
            tensor.detach().requires_grad_(needed)
            for tensor, needed in zip(
                (older, newer, *weights), ctx.needs_input_grad[2:], strict=True
            )
        ]
        mixing = tuple(map(NodeMixing.with_weights, ctx.nodes, leaves[2:]))
        with torch.enable_grad(), frozen_statistics(ctx.cell), known_statistics(ctx.kept):
            older, newer = leaves[:2]
            values = node_values(_give_up_output(ctx), len(ctx.cell.nodes))
            of_inputs = backward_nodes(ctx.cell, older, newer, mixing, values, gradient)
            del values
            backward_inputs(ctx.cell, older, newer, of_inputs)
        return None, None, *(leaf.grad for leaf in leaves)


def recomputed(operation: nn.Module, x: Tensor) -> Tensor:
    """Run an operation in training mode as one function of the graph, which keeps `x` alone.

    Its backward pass runs it again, with frozen running statistics. Its weights get their
    gradients there, added to `.grad`, whatever that pass was asked for.

    Args:
        operation: any module of one input.
        x: (N, C, H, W).

    Returns:
        What the operation returns, without a second derivative.
    """
    if isinstance(operation, nn.Identity) or not torch.is_grad_enabled():
        direct: Tensor = operation(x)
        return direct
    if learns(operation) and not x.requires_grad:
        x = x.detach().requires_grad_()  # so that the backward pass comes here at all
    output: Tensor = _RecomputedOperation.apply(operation, x)
    return output


class _RecomputedOperation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, operation: nn.Module, x: Tensor) -> Tensor:
        ctx.operation = operation
        ctx.save_for_backward(x)
        output: Tensor = operation(x)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor | None]:
        (x,) = ctx.saved_tensors
        leaf = x.detach().requires_grad_(ctx.needs_input_grad[1])
        with torch.enable_grad(), frozen_statistics(ctx.operation):
            torch.autograd.backward(ctx.operation(leaf), gradient)
        return None, leaf.grad


def _give_up_output(ctx: Any) -> Tensor:
    output: Tensor = ctx.output
    ctx.output = None
    return output
