"""1x1 convolutions of stride 2, which few channels make unsafe on a processor.

Where channels come last and are fewer than its kernels take together, oneDNN writes past the end of
its own buffer for the gradient of the weights: wrong numbers, or the end of the process
(https://github.com/uxlfoundation/oneDNN/issues/6035). So the pixels that such a convolution reads
are copied first, and it strides no more.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["copy_strided_pixels", "factorized_reduction"]

BLOCK: Final = 16  # channels that oneDNN takes together: 8 with AVX2, 16 with AVX-512


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
    shifted = images[:, :, 1::2, 1::2]
    if height % 2 or width % 2:  # padding copies, so only where it is needed
        shifted = functional.pad(shifted, (0, width % 2, 0, height % 2))
    grids = (images[:, :, ::2, ::2].clone(), shifted.clone())
    halves = zip(grids, weight.tensor_split(2), strict=True)
    # A single output channel leaves nothing for the shifted grid.
    outputs = [functional.conv2d(grid, half) for grid, half in halves if len(half)]
    return torch.cat(outputs, dim=1)


def copy_strided_pixels(network: nn.Module) -> None:
    """Make each strided 1x1 convolution of few channels in `network` a safe one.

    Its weights, and their names, are those that it had; what it returns is the same.
    """
    for part in network.modules():
        if type(part) is nn.Conv2d and _is_unsafe(part):
            part.__class__ = _CopyingConvolution


def _is_unsafe(convolution: nn.Conv2d) -> bool:
    return (
        convolution.kernel_size == (1, 1)
        and convolution.padding == (0, 0)
        and convolution.stride != (1, 1)
        and convolution.in_channels // convolution.groups < BLOCK
    )


class _CopyingConvolution(nn.Conv2d):
    """A strided 1x1 convolution that copies the pixels it reads, but on CUDA."""

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, out_channels, ceil(H/stride), ceil(W/stride))."""
        if input.is_cuda:
            return super().forward(input)
        rows, columns = self.stride
        grid = input[:, :, ::rows, ::columns].clone()
        return functional.conv2d(grid, self.weight, self.bias, groups=self.groups)
