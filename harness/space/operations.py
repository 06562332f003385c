"""The operations of an edge, and the block that brings a cell's inputs to its width.

Weights are initialised by torch's defaults, so the global generator decides them. Batch norm has
affine parameters only in the discrete network: during search they would be rescaled away by the
mixing weights (DARTS, section 3).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

from harness.space.batch_norm import BatchNorm

__all__ = [
    "DilatedDepthwise",
    "EndsInNorm",
    "PointwiseBlock",
    "build_operation",
    "factorized_reduction",
    "frozen",
]

Builder = Callable[[int, int, bool], nn.Module]  # channels, stride, affine


def build_operation(name: str, channels: int, stride: int, *, affine: bool = False) -> nn.Module:
    """Build an operation of a space: (N, C, H, W) to (N, C, ceil(H/stride), ceil(W/stride)).

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
    shifted = images[:, :, 1::2, 1::2]
    if height % 2 or width % 2:  # padding copies, so only where it is needed
        shifted = functional.pad(shifted, (0, width % 2, 0, height % 2))
    # Copied, as by `cell.copy_strided_pixels`, which says why.
    grids = (images[:, :, ::2, ::2].clone(), shifted.clone())
    halves = zip(grids, weight.tensor_split(2), strict=True)
    # A single output channel leaves nothing for the shifted grid.
    outputs = [functional.conv2d(grid, half) for grid, half in halves if len(half)]
    return torch.cat(outputs, dim=1)


class EndsInNorm(nn.Module):
    """What ends in batch norm, in two parts: a backward pass may go without the second."""

    @abstractmethod
    def before_norm(self, images: Tensor) -> Tensor:
        """Return what the last norm normalises."""

    @abstractmethod
    def last_norm(self) -> BatchNorm:
        """Return the norm that comes last."""

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, C', H', W') for (N, C, H, W)."""
        normalised: Tensor = self.last_norm()(self.before_norm(images))
        return normalised


class _Chain(EndsInNorm, nn.Sequential):
    """Modules in sequence, the last of them a norm."""

    def before_norm(self, images: Tensor) -> Tensor:
        *parts, _ = self
        for part in parts:
            images = part(images)
        return images

    def last_norm(self) -> BatchNorm:
        return cast(BatchNorm, self[-1])


class PointwiseBlock(EndsInNorm):
    """ReLU, 1x1 convolution, batch norm; the convolution may be a factorized reduction."""

    def __init__(
        self, in_channels: int, out_channels: int, *, halve: bool, affine: bool = False
    ) -> None:
        """Build it for (N, in_channels, H, W); `halve` halves height and width."""
        super().__init__()
        self.halve = halve
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.norm = BatchNorm(out_channels, affine=affine)

    def before_norm(self, images: Tensor) -> Tensor:
        """Return (N, out_channels, H, W), or half of that height and width."""
        active = functional.relu(images)
        if self.halve:
            return factorized_reduction(active, self.convolution.weight)
        mixed: Tensor = self.convolution(active)
        return mixed

    def last_norm(self) -> BatchNorm:
        """Return the norm of its output."""
        return self.norm


def _max_pool(channels: int, stride: int, affine: bool) -> nn.Module:
    return _Chain(nn.MaxPool2d(3, stride, padding=1), BatchNorm(channels, affine=affine))


def _average_pool(channels: int, stride: int, affine: bool) -> nn.Module:
    pool = nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    return _Chain(pool, BatchNorm(channels, affine=affine))


def _skip(channels: int, stride: int, affine: bool) -> nn.Module:
    if stride == 1:
        return nn.Identity()
    return PointwiseBlock(channels, channels, halve=True, affine=affine)


def _asymmetric_convolution(channels: int, stride: int, affine: bool) -> nn.Module:
    # Each of the two convolutions strides along its own axis.
    return _Chain(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, 5), (1, stride), padding=(0, 2), bias=False),
        nn.Conv2d(channels, channels, (5, 1), (stride, 1), padding=(2, 0), bias=False),
        BatchNorm(channels, affine=affine),
    )


def _separable_block(channels: int, stride: int, affine: bool, size: int = 3) -> _Chain:
    depthwise = nn.Conv2d(
        channels, channels, size, stride, padding=size // 2, groups=channels, bias=False
    )
    return _then_pointwise(depthwise, channels, affine)


def _then_pointwise(depthwise: nn.Module, channels: int, affine: bool) -> _Chain:
    pointwise = nn.Conv2d(channels, channels, kernel_size=1, bias=False)
    return _Chain(nn.ReLU(), depthwise, pointwise, BatchNorm(channels, affine=affine))


def _twice_separable(channels: int, stride: int, affine: bool) -> nn.Module:
    first = _separable_block(channels, stride, affine)
    return _Chain(*first, *_separable_block(channels, 1, affine))


def _twice_separable_5x5(channels: int, stride: int, affine: bool) -> nn.Module:
    first = _separable_block(channels, stride, affine, size=5)
    return _Chain(*first, *_separable_block(channels, 1, affine, size=5))


def _dilated_5x5(channels: int, stride: int, affine: bool) -> nn.Module:
    depthwise = nn.Conv2d(
        channels, channels, 5, stride, padding=4, dilation=2, groups=channels, bias=False
    )
    return _then_pointwise(depthwise, channels, affine)


class Zero(nn.Module):
    """Gives zeros, whatever it is given: an edge that is not there."""

    def __init__(self, stride: int) -> None:
        """Build it; `stride` is 1 or 2."""
        super().__init__()
        self.stride = stride

    def forward(self, images: Tensor) -> Tensor:
        """Return zeros (N, C, ceil(H/stride), ceil(W/stride)), in the order that images have."""
        return images[:, :, :: self.stride, :: self.stride] * 0.0


def _none(channels: int, stride: int, affine: bool) -> nn.Module:  # noqa: ARG001 - a builder's
    return Zero(stride)


def _dilated(channels: int, stride: int, affine: bool) -> nn.Module:
    return _then_pointwise(DilatedDepthwise(channels, stride), channels, affine)


_BUILDERS: dict[str, Builder] = {
    "max_pool_3x3": _max_pool,
    "avg_pool_3x3": _average_pool,
    "skip_connect": _skip,
    "conv_1x5_5x1": _asymmetric_convolution,
    "conv_3x3": _separable_block,  # as in MetaNAS's code: depthwise, then 1x1
    "sep_conv_3x3": _twice_separable,
    "dil_conv_3x3": _dilated,
    "none": _none,
    "sep_conv_5x5": _twice_separable_5x5,
    "dil_conv_5x5": _dilated_5x5,
}


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
        return self.convolve(images, self.weight)

    def convolve(self, images: Tensor, weight: Tensor) -> Tensor:
        """Do the same with another weight, (C', 1, 3, 3), to C' channels."""
        if self.stride == (2, 2):  # then only pixels with two even coordinates are read
            even = images[:, :, ::2, ::2].clone()
            return functional.conv2d(even, weight, padding=1, groups=len(weight))
        # TorchScript has no functions with own backward passes.
        if torch.jit.is_tracing():  # type: ignore[attr-defined,no-untyped-call] # lacks types
            return _convolve(images, weight)
        return cast(Tensor, _Dilated.apply(images, weight))


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
