"""The network of a discrete architecture: only the operations that the search has chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from harness.space.cell import CellInputs, edge_stride
from harness.space.genotype import Edge, Genotype
from harness.space.spec import CELL_INPUTS, METANAS, CellKind, SearchSpace
from harness.space.supernet import CellNetwork

__all__ = ["DiscreteNetwork"]


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
