"""The supernet, whose parameters are α, β and w, and the network of a discrete architecture.

Stem, pooling and head are the same; only what is inside cells differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from harness.space.batch_norm import BatchNorm
from harness.space.cell import Cell, CellInputs, copy_strided_pixels, edge_stride
from harness.space.genotype import Edge, Genotype, derive_genotype
from harness.space.mixing import DropPath, Mixing, UpdateSelection, mix, operation_weights
from harness.space.spec import (
    CELL_INPUTS,
    CELL_KINDS,
    METANAS,
    CellKind,
    SearchSpace,
    edge_count,
    pair_count,
)

__all__ = [
    "BuildCell",
    "CellNetwork",
    "DiscreteNetwork",
    "Stem",
    "Supernet",
    "architecture_noise",
    "by_kind",
]

BuildCell = Callable[[CellKind, bool], nn.Module]  # kind, whether the cell before was a reduction


class Stem(nn.Sequential):
    """Convolution and batch norm, which decide how everything after them lies in memory.

    Channels come last: on a processor pooling and depthwise convolutions are then several times as
    fast. On CUDA, where this was not measured, images stay as they are.

    Attributes:
        channels_last: whether they do; some runtimes know contiguous tensors alone.
    """

    channels_last = True

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, 3C, H, W) for images (N, channels, H, W)."""
        if self.channels_last and not images.is_cuda:
            # With one channel both orders look the same; operations go by the strides given here.
            laid_out = torch.empty_like(images, memory_format=torch.channels_last)
            images = laid_out.copy_(images)
        features: Tensor = super().forward(images)  # type: ignore[no-untyped-call] # of torch
        return features


class CellNetwork(nn.Module):
    """Stem, the cells of a space, global average pooling, linear head.

    Channels stay C in every cell, so that the weights of all cells have one shape.
    """

    def __init__(  # noqa: PLR0913 - the shape, and the space
        self,
        image_channels: int,
        classes: int,
        channels: int,
        build_cell: BuildCell,
        *,
        affine: bool = False,
        space: SearchSpace = METANAS,
    ) -> None:
        """Build the network for images with `image_channels` channels.

        Args:
            image_channels: channels of the images.
            classes: number of logits.
            channels: C, the width of a cell.
            build_cell: makes a cell whose inputs have nodes x C channels.
            affine: whether batch norm learns a scale and a shift.
            space: says which cells there are, and how many nodes each has.
        """
        super().__init__()
        self.space = space
        width = space.nodes * channels
        self.stem = Stem(
            nn.Conv2d(image_channels, width, kernel_size=3, padding=1, bias=False),
            BatchNorm(width, affine=affine),
        )
        before = (None, *space.cells)
        self.cells = nn.ModuleList(
            build_cell(kind, previous == "reduction")
            for kind, previous in zip(space.cells, before, strict=False)
        )
        copy_strided_pixels(self.cells)
        self.head = nn.Linear(width, classes)

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (N, classes) for the last cell's output (N, 3C, H, W)."""
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits


BuildSearchCell = Callable[[CellKind, bool], Cell]  # kind, whether the one before was a reduction

NOISE = 1e-3  # α and β start at this times standard normal noise


class Supernet(CellNetwork):
    """A network whose cells hold every operation on every edge.

    Parameters are named `alpha.<kind>.<node>`, (edges, operations); `beta.<kind>.<node>`, (pairs,);
    everything else is w.
    """

    def __init__(  # noqa: PLR0913 - the shape, and what a method has of its own
        self,
        image_channels: int,
        classes: int,
        channels: int,
        *,
        edge_pairs: bool = True,
        build_cell: BuildSearchCell | None = None,
        space: SearchSpace = METANAS,
    ) -> None:
        """Build it, drawing w, then α, then β from torch's global generator.

        In this order a space without β starts from the same w and α as one with it.

        Args:
            image_channels: channels of the images.
            classes: number of logits.
            channels: C, the width of a cell.
            edge_pairs: whether nodes weigh pairs of edges by β, or sum their edges plainly.
            build_cell: makes the cells of a method that has its own; by default `Cell`.
            space: what is searched.
        """

        def ordinary_cell(kind: CellKind, after_reduction: bool) -> Cell:
            return Cell(kind, channels, after_reduction=after_reduction, space=space)

        super().__init__(
            image_channels, classes, channels, build_cell or ordinary_cell, space=space
        )
        nodes, columns = space.nodes, len(space.operations)
        self.alpha = architecture_noise(lambda node: (edge_count(node), columns), nodes)
        self.beta = (
            architecture_noise(lambda node: (pair_count(node),), nodes) if edge_pairs else None
        )

    def architecture_parameters(self) -> list[nn.Parameter]:
        """Return α and, where there is one, β."""
        beta = [] if self.beta is None else list(self.beta.parameters())
        return [*self.alpha.parameters(), *beta]

    def weight_parameters(self) -> list[nn.Parameter]:
        """Return w: stem, cells and head."""
        return [
            *self.stem.parameters(),
            *self.cells.parameters(),
            *self.head.parameters(),
        ]

    def mixing(
        self,
        temperature: float = 1.0,
        selection: UpdateSelection | None = None,
        drop_path: DropPath | None = None,
    ) -> Mixing:
        """Compute the weights of every operation in every cell, see `mixing.mix`."""
        beta = None if self.beta is None else by_kind(self.beta)
        cells = self.space.cells
        return mix(by_kind(self.alpha), beta, temperature, selection, drop_path, cells=cells)

    def forward(self, images: Tensor, mixing: Mixing) -> Tensor:
        """Return logits (N, classes) for images (N, channels, H, W)."""
        newer = older = self.stem(images)
        for cell, cell_mixing in zip(self.cells, mixing.cells, strict=True):
            older, newer = newer, cell(older, newer, cell_mixing)
        return self.classify(newer)

    def genotype(self) -> Genotype:
        """Derive the discrete architecture from the present softmax(α) and β.

        Raw α of two edges do not compare: adding a number to all α of an edge changes nothing.
        """
        alpha = {
            kind: [operation_weights(a, 1.0).tolist() for a in nodes]
            for kind, nodes in by_kind(self.alpha).items()
        }
        if self.beta is None:
            return derive_genotype(alpha, space=self.space)
        beta = {kind: [b.tolist() for b in nodes] for kind, nodes in by_kind(self.beta).items()}
        return derive_genotype(alpha, beta, self.space)


def by_kind(parameters: nn.ModuleDict) -> dict[CellKind, list[nn.Parameter]]:
    """Return α or β as plain lists: for each kind of cell, one parameter for each node."""
    return {kind: list(cast(nn.ParameterList, parameters[kind])) for kind in CELL_KINDS}


def architecture_noise(shape: Callable[[int], tuple[int, ...]], nodes: int) -> nn.ModuleDict:
    """Draw the start of α or β: for each kind of cell and node a parameter of `shape(node)`."""
    return nn.ModuleDict(
        {
            kind: nn.ParameterList(NOISE * torch.randn(shape(node)) for node in range(nodes))
            for kind in CELL_KINDS
        }
    )


class DiscreteNetwork(CellNetwork):
    """An ordinary network built from a genotype; batch norm learns a scale and a shift."""

    def __init__(
        self,
        genotype: Genotype,
        image_channels: int,
        classes: int,
        channels: int,
        *,
        space: SearchSpace = METANAS,
    ) -> None:
        """Build it, drawing the weights from torch's global generator.

        Args:
            genotype: the architecture.
            image_channels: channels of the images.
            classes: number of logits.
            channels: C, the width of a cell.
            space: that it is an architecture of.
        """
        nodes = {"normal": genotype.normal, "reduction": genotype.reduction}

        def build_cell(kind: CellKind, after_reduction: bool) -> DiscreteCell:
            return DiscreteCell(
                kind, nodes[kind], channels, after_reduction=after_reduction, space=space
            )

        super().__init__(image_channels, classes, channels, build_cell, affine=True, space=space)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, H, W)."""
        return self.classify(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Return the last cell's output, (N, nodes x C, H', W')."""
        newer: Tensor = self.stem(images)
        older = newer
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        return newer


class DiscreteCell(nn.Module):
    """A cell whose nodes each sum two operations."""

    def __init__(
        self,
        kind: CellKind,
        nodes: Sequence[tuple[Edge, Edge]],
        channels: int,
        *,
        after_reduction: bool,
        space: SearchSpace,
    ) -> None:
        """Build a cell of width C = `channels` whose inputs have nodes x C channels."""
        super().__init__()
        self.inputs = CellInputs(
            len(nodes) * channels, channels, after_reduction=after_reduction, affine=True
        )
        self.sources = [(first.input, second.input) for first, second in nodes]
        self.nodes = nn.ModuleList(
            nn.ModuleList(
                space.build_operation(
                    edge.operation, channels, edge_stride(kind, edge.input), affine=True
                )
                for edge in node
            )
            for node in nodes
        )

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """Return (N, 3C, H, W), in a reduction cell with half of that height and width."""
        states = self.inputs(older, newer)
        for (first, second), node in zip(self.sources, self.nodes, strict=True):
            first_operation, second_operation = cast(nn.ModuleList, node)
            states.append(first_operation(states[first]) + second_operation(states[second]))
        return torch.cat(states[CELL_INPUTS:], dim=1)
