"""The seven operations of an edge, and the block that brings a cell's inputs to its width.

Weights are initialised by torch's defaults, so the global generator decides them. Batch norm has
affine parameters only in the discrete network: during search they would be rescaled away by the
mixing weights (DARTS, section 3).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["PointwiseBlock", "batch_norm", "build_operation", "factorized_reduction"]

Builder = Callable[[int, int, bool], nn.Module]  # channels, stride, affine


def batch_norm(channels: int, affine: bool = False) -> nn.BatchNorm2d:
    """Return the batch norm of this space."""
    return nn.BatchNorm2d(channels, affine=affine)


def build_operation(name: str, channels: int, stride: int, *, affine: bool = False) -> nn.Module:
    """Build one of `topology.OPERATIONS`: (N, C, H, W) to (N, C, ceil(H/stride), ceil(W/stride)).

    Args:
        name: name of the operation.
        channels: C, of input and output.
        stride: 1, or 2 on the edges that leave the inputs of a reduction cell.
        affine: whether batch norm learns a scale and a shift.
    """
    return _BUILDERS[name](channels, stride, affine)


def factorized_reduction(images: Tensor, weight: Tensor) -> Tensor:
    """Halve height and width: two 1x1 convolutions of stride 2 on grids shifted by one pixel.

    One weight holds both halves, so that it has the shape of the 1x1 convolution it stands in for.

    Args:
        images: (N, C_in, H, W); odd sizes are padded at the bottom and right for the shifted grid.
        weight: (C_out, C_in, 1, 1).

    Returns:
        (N, C_out, ceil(H/2), ceil(W/2)).
    """
    height, width = images.shape[-2:]
    padded = images
    if height % 2 or width % 2:  # padding copies, so only where it is needed
        padded = functional.pad(images, (0, width % 2, 0, height % 2))
    grids = (images, padded[:, :, 1:, 1:])
    halves = zip(grids, weight.tensor_split(2), strict=True)
    # A single output channel leaves nothing for the shifted grid.
    outputs = [functional.conv2d(grid, half, stride=2) for grid, half in halves if len(half)]
    return torch.cat(outputs, dim=1)


class PointwiseBlock(nn.Module):
    """ReLU, 1x1 convolution, batch norm; the convolution may be a factorized reduction."""

    def __init__(
        self, in_channels: int, out_channels: int, *, halve: bool, affine: bool = False
    ) -> None:
        """Build it for (N, in_channels, H, W); `halve` halves height and width."""
        super().__init__()
        self.halve = halve
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.norm = batch_norm(out_channels, affine)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, out_channels, H, W), or half of that height and width."""
        active = functional.relu(images)
        if self.halve:
            mixed = factorized_reduction(active, self.convolution.weight)
        else:
            mixed = self.convolution(active)
        result: Tensor = self.norm(mixed)
        return result


def _max_pool(channels: int, stride: int, affine: bool) -> nn.Module:
    return nn.Sequential(nn.MaxPool2d(3, stride, padding=1), batch_norm(channels, affine))


def _average_pool(channels: int, stride: int, affine: bool) -> nn.Module:
    pool = nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    return nn.Sequential(pool, batch_norm(channels, affine))


def _skip(channels: int, stride: int, affine: bool) -> nn.Module:
    if stride == 1:
        return nn.Identity()
    return PointwiseBlock(channels, channels, halve=True, affine=affine)


def _asymmetric_convolution(channels: int, stride: int, affine: bool) -> nn.Module:
    # Each of the two convolutions strides along its own axis.
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, 5), (1, stride), padding=(0, 2), bias=False),
        nn.Conv2d(channels, channels, (5, 1), (stride, 1), padding=(2, 0), bias=False),
        batch_norm(channels, affine),
    )


def _separable_block(channels: int, stride: int, affine: bool, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(
            channels,
            channels,
            kernel_size=3,
            stride=stride,
            padding=dilation,
            dilation=dilation,
            groups=channels,
            bias=False,
        ),
        nn.Conv2d(channels, channels, kernel_size=1, bias=False),
        batch_norm(channels, affine),
    )


def _twice_separable(channels: int, stride: int, affine: bool) -> nn.Module:
    first = _separable_block(channels, stride, affine)
    return nn.Sequential(*first, *_separable_block(channels, 1, affine))


def _dilated(channels: int, stride: int, affine: bool) -> nn.Module:
    return _separable_block(channels, stride, affine, dilation=2)


_BUILDERS: dict[str, Builder] = {
    "max_pool_3x3": _max_pool,
    "avg_pool_3x3": _average_pool,
    "skip_connect": _skip,
    "conv_1x5_5x1": _asymmetric_convolution,
    "conv_3x3": _separable_block,  # as in MetaNAS's code: depthwise, then 1x1
    "sep_conv_3x3": _twice_separable,
    "dil_conv_3x3": _dilated,
}
