"""What the supernet and the discrete network have in common: all but what is inside the cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from harness.space.batch_norm import BatchNorm
from harness.space.spec import CELLS, NODES, CellKind

__all__ = ["BuildCell", "CellNetwork", "Stem", "frozen"]

BuildCell = Callable[[CellKind, bool], nn.Module]  # kind, whether the cell before was a reduction


class Stem(nn.Sequential):
    """Convolution and batch norm, which decide how everything after them lies in memory.

    Channels come last: on a processor pooling and depthwise convolutions are then several times as
    fast. On CUDA, where this was not measured, images stay as they are.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, 3C, H, W) for images (N, channels, H, W)."""
        if not images.is_cuda:
            # With one channel both orders look the same; operations go by the strides given here.
            laid_out = torch.empty_like(images, memory_format=torch.channels_last)
            images = laid_out.copy_(images)
        features: Tensor = super().forward(images)  # type: ignore[no-untyped-call] # of torch
        return features


class CellNetwork(nn.Module):
    """Stem, four cells, global average pooling, linear head.

    Channels stay C in every cell, so that the weights of all cells have one shape.
    """

    def __init__(
        self,
        image_channels: int,
        classes: int,
        channels: int,
        build_cell: BuildCell,
        *,
        affine: bool = False,
    ) -> None:
        """Build the network for images with `image_channels` channels.

        Args:
            image_channels: channels of the images.
            classes: number of logits.
            channels: C, the width of a cell.
            build_cell: makes a cell whose inputs have 3C channels.
            affine: whether batch norm learns a scale and a shift.
        """
        super().__init__()
        self.stem = Stem(
            nn.Conv2d(image_channels, NODES * channels, kernel_size=3, padding=1, bias=False),
            BatchNorm(NODES * channels, affine=affine),
        )
        before = (None, *CELLS)
        self.cells = nn.ModuleList(
            build_cell(kind, previous == "reduction")
            for kind, previous in zip(CELLS, before, strict=False)
        )
        self.head = nn.Linear(NODES * channels, classes)

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (N, classes) for the last cell's output (N, 3C, H, W)."""
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits


@contextmanager
def frozen(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Compute no gradients of `parameters` inside."""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
