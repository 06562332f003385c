"""Ordinary back-propagation in fewer and larger operations, for the offline stage.

The edges that leave one tensor repeat each other. So they share its ReLU and its pools with their
batch norms, and convolutions of one shape run as one. What is summed up is the same, in another
order: gradients and running statistics are those of `ordinary` but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.contracts import Batch
from harness.measure.dispatch import each_add_, each_mul_
from harness.space.backpropagation import BatchOutcome, Engine, judge, ordinary
from harness.space.batch_norm import BatchNorm
from harness.space.cell import Cell, edge_stride
from harness.space.joined import (
    Runs,
    alike,
    average_pool,
    kind_of,
    pointwise,
    repeated,
    scaled,
    two_grids,
    weighted_sum,
)
from harness.space.mixing import CellMixing, Mixing
from harness.space.operations import DilatedDepthwise, PointwiseBlock
from harness.space.spec import CELL_INPUTS
from harness.space.supernet import Supernet

__all__ = ["merged", "offline_engine"]

JOINED_VALUES = 40_000
"""Values of an edge's output up to which its operations run joined with others.

Above it joined tensors leave a processor's second cache, which costs more than the calls that they
save (docs/benchmarks.md). On CUDA, where it was not measured, everything is joined.
"""


def offline_engine(device: torch.device) -> Engine:
    """Return the engine of pretraining: the merged one where it was measured to pay."""
    return merged if device.type == "cpu" else ordinary


def merged(net: Supernet, batch: Batch, mixing: Mixing, share: float = 1.0) -> BatchOutcome:
    """Compute what `ordinary` does, with the work that edges have in common done once.

    A cell runs as it is where some of its operations are selected, and where a method has nodes
    that sum otherwise; an operation that none of the search's own is like runs by itself.
    """
    if type(net).forward is not Supernet.forward:
        return ordinary(net, batch, mixing, share)
    run = _MergedPass()
    newer = older = net.stem(batch.images)
    for cell, cell_mixing in zip(cast(Iterable[Cell], net.cells), mixing.cells, strict=True):
        run_cell = run.cell if _mergeable(cell, cell_mixing) else Cell.__call__
        older, newer = newer, run_cell(cell, older, newer, cell_mixing)
    run.move_statistics()
    loss, outcome = judge(net.classify(newer), batch.labels, share)
    torch.autograd.backward(loss)
    return outcome


def _mergeable(cell: Cell, mixing: CellMixing) -> bool:
    own = type(cell).node_value, type(cell).forward
    plain = own == (Cell.node_value, Cell.forward) and cell.training
    return plain and all(node.tracked is None for node in mixing)


class _Seen(NamedTuple):
    """What norms that ran as one have seen of a batch."""

    norms: Sequence[BatchNorm]
    mean: Tensor  # (norms x C,)
    inverse_deviation: Tensor  # (norms x C,)
    values: int  # of each channel


class _MergedPass:
    """A forward pass; it knows what batch norms have seen."""

    def __init__(self) -> None:
        self.seen: list[_Seen] = []

    def cell(self, cell: Cell, older: Tensor, newer: Tensor, mixing: CellMixing) -> Tensor:
        """Return what `cell` does, (N, 3C, H', W')."""
        blocks = [(cell.inputs.older, older), (cell.inputs.newer, newer)]
        states = [self.block(block, x) for block, x in blocks]
        nodes = len(cell.nodes)
        sums = [_Terms([], [], []) for _ in range(nodes)]
        operations = [cell.operations(node) for node in range(nodes)]
        for node in range(nodes):
            # The inputs of a cell are there together, and its nodes one after another.
            there = range(CELL_INPUTS) if node == 0 else [node + 1]
            later = range(node, nodes)
            small = _is_small(states[-1], edge_stride(cell.kind, there[0]))
            for sources in [there] if small else [[source] for source in there]:
                weights = [mixing[each].weights[source] for source in sources for each in later]
                self.leave(
                    states[sources[0]] if len(sources) == 1 else torch.cat(states, dim=1),
                    len(sources),
                    [operations[each][source] for source in sources for each in later],
                    torch.stack(weights).flatten(0, 1).unbind(),
                    [sums[each] for _ in sources for each in later],
                    small,
                )
            states.append(sums[node].total())
        return torch.cat(states[CELL_INPUTS:], dim=1)

    def leave(  # noqa: PLR0913, PLR0917 - what is summed up, of what, and where
        self,
        x: Tensor,
        sources: int,
        edges: Sequence[Sequence[nn.Module]],
        weights: Sequence[Tensor],
        sums: Sequence[_Terms],
        small: bool,
    ) -> None:
        """Add what the operations of some edges give to the sums of the nodes that they lead to.

        Args:
            x: the tensors that they leave, of which each has as many, (N, sources x C, H, W).
            sources: their number.
            edges: [edge][operation], source after source.
            weights: of each operation, edge after edge: (), or (N, 1, 1, 1) with drop path.
            sums: for each edge that of its node.
        """
        count = len(edges[0])
        every = [operation for edge in edges for operation in edge]
        active = functional.relu(x)
        for kind, numbers in alike(every).items():
            group = [every[number] for number in numbers]
            if kind[0] is Runs.TOGETHER and not small:
                for number, operation in zip(numbers, group, strict=True):
                    for _, output in self.together([operation], active, 1):
                        sums[number // count].weighted(output, weights[number])
            elif kind[0] is Runs.TOGETHER:
                for ended, joined in self.together(group, active, sources):
                    parts = scaled(joined, [weights[numbers[each]] for each in ended])
                    for each, part in zip(ended, parts, strict=True):
                        sums[numbers[each] // count].plain.append(part)
            else:
                outputs = self.apart(kind[0], group, x, sources)
                for number, output in zip(numbers, outputs, strict=True):
                    sums[number // count].weighted(output, weights[number])

    def apart(
        self, runs: Runs, group: Sequence[nn.Module], x: Tensor, sources: int
    ) -> list[Tensor]:
        """Run operations that have no weights: all that leave one tensor give the same."""
        each = len(group) // sources
        parts = x.chunk(sources, dim=1)
        if runs is Runs.ALONE:
            return [operation(parts[i // each]) for i, operation in enumerate(group)]
        if isinstance(group[0], nn.Sequential):
            pool = group[0][0]
            pooled = average_pool(pool, x) if isinstance(pool, nn.AvgPool2d) else pool(x)
            norms = [cast(nn.Sequential, operation)[1] for operation in group]
            parts = self.normalise(norms, pooled, sources).chunk(sources, dim=1)
        return [part for part in parts for _ in range(each)]

    def together(
        self, group: Sequence[nn.Module], x: Tensor, sources: int
    ) -> Iterator[tuple[Sequence[int], Tensor]]:
        """Run operations that begin alike, behind their ReLU; yield which, and outputs as parts."""
        if isinstance(group[0], PointwiseBlock):
            halves = self.pointwise(cast(Sequence[PointwiseBlock], group), x, sources)
            yield range(len(group)), halves
            return
        chains = [list(cast(nn.Sequential, each)) for each in group]
        rest = sorted(range(len(chains)), key=lambda number: len(chains[number]))
        position, width = 1, x.shape[1] // sources
        if sources < len(chains) and cast(nn.Conv2d, chains[0][1]).groups > 1:  # depthwise
            blocks = len({len(chain) for chain in chains})
            if _is_small(x):
                x = repeated(x, blocks, sources, len(chains) // blocks // sources)
            else:
                per = len(chains) // blocks // sources
                inputs = [each for each in x.chunk(sources, 1) for _ in range(per)] * blocks
                pairs = zip(rest, inputs, strict=True)
                x = torch.cat([chains[number][1](each) for number, each in pairs], dim=1)
                position = 2
            sources = len(chains)
        while rest:
            parts = sources if position == 1 else len(rest)
            x = self.step([chains[number][position] for number in rest], x, parts)
            position += 1
            ended = [number for number in rest if len(chains[number]) == position]
            if ended:
                rest = rest[len(ended) :]
                done, x = (
                    torch.split(x, [width * len(ended), width * len(rest)], 1) if rest else (x, x)
                )
                yield ended, done

    def step(self, modules: Sequence[nn.Module], x: Tensor, parts: int) -> Tensor:
        """Run alike modules of several chains, on a part of the channels each, or on the same."""
        if isinstance(modules[0], BatchNorm):
            return self.normalise(modules, x, len(modules))
        if isinstance(modules[0], nn.ReLU):
            return functional.relu(x)
        one = cast(nn.Conv2d, modules[0])
        weight = _joined(cast(Sequence[nn.Conv2d], modules))
        if one.kernel_size == (1, 1):
            return pointwise(x, weight, parts)
        if one.groups > 1:  # depthwise
            if isinstance(one, DilatedDepthwise):
                return one.convolve(x, weight)
            parts = len(weight)
        padding = cast(tuple[int, ...], one.padding)
        return functional.conv2d(x, weight, None, one.stride, padding, one.dilation, parts)

    def block(self, block: PointwiseBlock, x: Tensor) -> Tensor:
        """Return what `block` does."""
        if kind_of(block)[0] is Runs.ALONE:
            return cast(Tensor, block(x))
        return self.pointwise([block], functional.relu(x), 1)

    def pointwise(self, blocks: Sequence[PointwiseBlock], active: Tensor, sources: int) -> Tensor:
        """Run blocks on what their ReLU gives; the outputs are parts of the channels."""
        norms = [block.norm for block in blocks]
        convolutions = [block.convolution for block in blocks]
        if not blocks[0].halve:
            return self.normalise(
                norms, pointwise(active, _joined(convolutions), sources), len(norms)
            )
        halves = zip(*(each.weight.tensor_split(2) for each in convolutions), strict=True)
        outputs = [
            pointwise(grid, torch.cat(half), sources).chunk(len(blocks), dim=1)
            for grid, half in zip(two_grids(active), halves, strict=True)
            if len(half[0])
        ]
        both = torch.cat([part for parts in zip(*outputs, strict=True) for part in parts], dim=1)
        return self.normalise(norms, both, len(norms))

    def normalise(self, norms: Sequence[nn.Module], x: Tensor, parts: int) -> Tensor:
        """Normalise parts of the channels, each for as many of the norms."""
        every = cast(Sequence[BatchNorm], norms)
        normalised, mean, inverse = torch.native_batch_norm(
            x, None, None, None, None, True, 0.0, every[0].epsilon
        )
        if every[0].track_running_stats:
            times = len(every) // parts
            if times > 1:
                mean, inverse = (_for_each(each, parts, times) for each in (mean, inverse))
            self.seen.append(_Seen(every, mean, inverse, x.numel() // x.shape[1]))
        return normalised

    @torch.no_grad()
    def move_statistics(self) -> None:
        """Do what every norm would have done by itself, for all norms at once."""
        if not self.seen:
            return
        norms = [norm for seen in self.seen for norm in seen.norms]
        sizes = [len(norm.running_mean) for norm in norms]
        means = torch.split(torch.cat([seen.mean for seen in self.seen]), sizes)
        inverses = torch.cat([seen.inverse_deviation for seen in self.seen])
        variances = torch.split(inverses**-2 - norms[0].epsilon, sizes)
        of_sample = [s.values / max(s.values - 1, 1) for s in self.seen for _ in s.norms]
        each_mul_(variances, of_sample)
        running = [n.running_mean for n in norms] + [n.running_var for n in norms]
        each_mul_(running, 1.0 - norms[0].momentum)
        each_add_(running, means + variances, alpha=norms[0].momentum)


class _Terms(NamedTuple):
    """What a node sums up."""

    plain: list[Tensor]  # (N, C, H, W) each, weighted already
    others: list[Tensor]  # (N, C, H, W) each
    weights: list[Tensor]  # of the others

    def weighted(self, term: Tensor, weight: Tensor) -> None:
        self.others.append(term)
        self.weights.append(weight)

    def total(self) -> Tensor:
        return weighted_sum(self.plain, self.others, self.weights)


def _is_small(x: Tensor, stride: int = 1) -> bool:
    return x.is_cuda or x.numel() <= JOINED_VALUES * stride**2


def _joined(convolutions: Sequence[nn.Conv2d]) -> Tensor:
    weights = [each.weight for each in convolutions]
    return torch.cat(weights) if len(weights) > 1 else weights[0]


def _for_each(values: Tensor, parts: int, times: int) -> Tensor:
    """Repeat each part of (parts x C,)."""
    return values.view(parts, 1, -1).expand(-1, times, -1).flatten()
