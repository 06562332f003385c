"""A depthwise 3x3 convolution of dilation 2 whose backward pass is that of an undilated one.

Libraries have fast code for the gradients of depthwise convolutions, but not for dilated ones: on a
processor these took five to ten times as long, the largest part of a search step. Pixels that lie
two apart meet pixels of the same parity only, so the convolution is an undilated one on four grids.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

__all__ = ["DilatedDepthwise"]


class DilatedDepthwise(nn.Conv2d):
    """The same as `nn.Conv2d(C, C, 3, stride, padding=2, dilation=2, groups=C, bias=False)`.

    It has no second derivative.
    """

    def __init__(self, channels: int, stride: int) -> None:
        """Build it for (N, C, H, W), C = `channels`; `stride` is 1 or 2."""
        super().__init__(
            channels, channels, 3, stride, padding=2, dilation=2, groups=channels, bias=False
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, C, ceil(H/stride), ceil(W/stride))."""
        if self.stride == (2, 2):  # then only pixels with two even coordinates are read
            even = images[:, :, ::2, ::2].clone()
            return functional.conv2d(even, self.weight, padding=1, groups=self.groups)
        return cast(Tensor, _Dilated.apply(images, self.weight))


class _Dilated(torch.autograd.Function):
    """Stride 1: (N, C, H, W) and (C, 1, 3, 3) to (N, C, H, W)."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        return _convolve(images, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, weight = ctx.saved_tensors
        of_images, of_weight = None, None
        if ctx.needs_input_grad[0]:
            of_images = _convolve(gradient, weight.flip(2, 3))
        if ctx.needs_input_grad[1]:
            grids, of_grids = _four_grids(images), _four_grids(gradient)
            of_weight = conv2d_weight(  # type: ignore[no-untyped-call] # torch has none here
                grids, weight.shape, of_grids, padding=1, groups=images.shape[1]
            )
        return of_images, of_weight


def _convolve(images: Tensor, weight: Tensor) -> Tensor:
    return functional.conv2d(images, weight, padding=2, dilation=2, groups=images.shape[1])


def _four_grids(images: Tensor) -> Tensor:
    """Return the pixels of equal parity as images of their own; odd sizes get a margin of zeros.

    From (N, C, H, W) to (4N, C, ceil(H/2), ceil(W/2)), with channels last in memory.
    """
    height, width = images.shape[2:]
    if height % 2 or width % 2:
        images = functional.pad(images, (0, width % 2, 0, height % 2))
    pixels = images.permute(0, 2, 3, 1)  # (N, H, W, C)
    n, height, width, channels = pixels.shape
    split = pixels.reshape(n, height // 2, 2, width // 2, 2, channels)
    grids = split.permute(2, 4, 0, 1, 3, 5)  # (2, 2, N, H/2, W/2, C)
    return grids.reshape(4 * n, height // 2, width // 2, channels).permute(0, 3, 1, 2)
