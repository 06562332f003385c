"""The network of NAS-Bench-201 (Dong and Yang, 2020, section 2.1), built from an architecture.

A stem, three stages of five cells, a residual block before the second and the third stage, which
halves the image and doubles the channels, and a head. Where the paper is silent: average pooling at
a border is the mean of the pixels that are there, and batch norm and ReLU stand before the head's
pooling.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from harness_spaces.nasbench201 import CELLS_A_STAGE, EDGES, KERNELS, NODES, OPERATIONS

__all__ = ["NasBench201Network"]


class NasBench201Network(nn.Module):
    """Images (N, channels, height, width) to logits (N, classes)."""

    def __init__(
        self, decisions: Sequence[int], channels: int, classes: int, stages: Sequence[int]
    ) -> None:
        """Build it with random weights.

        Args:
            decisions: the operation of each edge, the same in all cells.
            channels: of the images.
            classes: that are told apart.
            stages: channels of each stage's cells.
        """
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(channels, stages[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(stages[0]),
        ]
        for place, width in enumerate(stages):
            if place:
                layers.append(Reduction(stages[place - 1], width))
            layers += [Nb201Cell(decisions, width) for _ in range(CELLS_A_STAGE)]
        layers += [nn.BatchNorm2d(stages[-1]), nn.ReLU()]
        self._body = nn.Sequential(*layers)
        self.head = nn.Linear(stages[-1], classes)

    def features(self, images: Tensor) -> Tensor:
        """Return what the head pools: (N, the last stage's channels, height / 4, width / 4)."""
        found: Tensor = self._body(images)
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.head(self.features(images).mean(dim=(2, 3)))
        return logits


class Nb201Cell(nn.Module):
    """Four nodes, each the sum of what the operations make of all nodes before it."""

    def __init__(self, decisions: Sequence[int], channels: int) -> None:
        """Build an operation an edge."""
        super().__init__()
        self.edges = nn.ModuleList(edge_operation(OPERATIONS[each], channels) for each in decisions)

    def forward(self, images: Tensor) -> Tensor:
        """Return the last node; the first is what comes in."""
        nodes = [images]
        for node in range(1, NODES):
            own = [
                edge(nodes[source])
                for edge, (target, source) in zip(self.edges, EDGES, strict=True)
                if target == node
            ]
            nodes.append(torch.stack(own).sum(dim=0) if len(own) > 1 else own[0])
        return nodes[-1]


def edge_operation(name: str, channels: int) -> nn.Module:
    """Return the operation of an edge, which leaves the shape as it is."""
    if name == "none":
        return Zeroize()
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return convolution_block(channels, channels, KERNELS[name])


def convolution_block(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return ReLU, convolution and batch norm."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(outputs))


class Zeroize(nn.Module):
    """Cuts an edge."""

    def forward(self, images: Tensor) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(images)


class Reduction(nn.Module):
    """Residual block between stages: it halves the image and changes the channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Build both paths."""
        super().__init__()
        self.path = nn.Sequential(
            convolution_block(inputs, outputs, 3, stride=2), convolution_block(outputs, outputs, 3)
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True, count_include_pad=False),
            nn.Conv2d(inputs, outputs, 1, bias=False),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the sum of both paths."""
        summed: Tensor = self.path(images) + self.shortcut(images)
        return summed
