"""Which operations run as one, and what runs on several tensors at once, as parts of the channels.

The functions are written for processors, where channels come last in memory: a 1x1 convolution is a
product of matrices there, and an average pool a depthwise convolution. No second derivatives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from harness.space.batch_norm import BatchNorm
from harness.space.operations import DilatedDepthwise, EndsInNorm, PointwiseBlock
from harness.space.recompute import in_one_piece

__all__ = [
    "Kind",
    "Runs",
    "alike",
    "average_pool",
    "kind_of",
    "pointwise",
    "repeated",
    "scaled",
    "two_grids",
    "weighted_sum",
]


class Runs(Enum):
    """How operations run that leave one tensor."""

    SAME = auto()
    ALONE = auto()
    TOGETHER = auto()


Kind = tuple[Any, ...]  # how it runs, and what must be alike

_kinds: WeakKeyDictionary[nn.Module, Kind] = WeakKeyDictionary()


def alike(operations: Sequence[nn.Module]) -> dict[Kind, list[int]]:
    """Return the numbers of the operations that may run as one."""
    groups = defaultdict(list)
    for number, operation in enumerate(operations):
        groups[kind_of(operation)].append(number)
    return groups


def kind_of(operation: nn.Module) -> Kind:
    """Return how an operation runs, and what it must have in common with those it runs with."""
    known = _kinds.get(operation)
    if known is None:
        known = _kinds[operation] = _find_kind(operation)
    return known


def _find_kind(operation: nn.Module) -> Kind:
    parts = list(operation.children())
    first = parts[0] if parts else None
    types = {type(part) for part in parts if not isinstance(part, BatchNorm)}
    norms = [part for part in parts if isinstance(part, BatchNorm)]
    own = all(type(norm) is BatchNorm and norm.weight is None for norm in norms)
    if isinstance(operation, nn.Identity):
        return (Runs.SAME, nn.Identity)
    if isinstance(operation, PointwiseBlock) and own:
        return Runs.TOGETHER, operation.halve
    if not own or not isinstance(operation, EndsInNorm) or parts[-1] not in norms:
        return (Runs.ALONE,)
    if type(first) in {nn.MaxPool2d, nn.AvgPool2d} and len(parts) == 2:
        public = sorted(name for name in vars(first) if name[0] != "_")
        return Runs.SAME, type(first), *(getattr(first, name) for name in public)
    if type(first) is nn.ReLU and types <= _IN_CHAINS and all(map(_is_plain, parts)):
        return Runs.TOGETHER, *_shapes(parts)
    return (Runs.ALONE,)


_IN_CHAINS = {nn.ReLU, nn.Conv2d, DilatedDepthwise}


BLOCK = 4  # ReLU, depthwise convolution, 1x1 convolution, norm


def _is_plain(part: nn.Module) -> bool:
    if not isinstance(part, nn.Conv2d):
        return True
    width, padding = part.in_channels, part.padding
    plain = part.bias is None and part.padding_mode == "zeros" and not isinstance(padding, str)
    return plain and part.out_channels == width and part.groups in {1, width}


def _shapes(parts: Sequence[nn.Module]) -> list[object]:
    """Describe the parts of a chain; a depthwise block that comes again as if it came once."""
    convolutions = [part for part in parts if isinstance(part, nn.Conv2d)]
    shapes: list[object] = [
        (type(part), part.kernel_size, part.padding, part.dilation, part.groups > 1)
        if isinstance(part, nn.Conv2d)
        else type(part)
        for part in parts
    ]
    once = shapes[:BLOCK]
    again = convolutions[0].groups > 1 and once * (len(shapes) // BLOCK) == shapes
    return [convolutions[0].stride, *(once if again else shapes)]


def average_pool(pool: nn.AvgPool2d, x: Tensor) -> Tensor:
    """Pool (N, C, H, W) as `pool` does."""
    if x.is_cuda or pool.count_include_pad or pool.ceil_mode:
        return cast(Tensor, pool(x))
    size, stride, padding = (cast(int, n) for n in (pool.kernel_size, pool.stride, pool.padding))
    channels = x.shape[1]
    share = x.new_full((channels, 1, size, size), 1.0 / size**2)
    sums = functional.conv2d(x, share, None, stride, padding, 1, channels)
    inside = functional.avg_pool2d(x.new_ones((1, 1, *x.shape[2:])), size, stride, padding)
    return sums * inside.reciprocal()


def two_grids(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the grids of `factorized_reduction`, (N, C, ceil(H/2), ceil(W/2)) each."""
    padded = functional.pad(images, (0, images.shape[3] % 2, 0, images.shape[2] % 2))
    return padded[:, :, ::2, ::2].clone(), padded[:, :, 1::2, 1::2].clone()


def pointwise(x: Tensor, weight: Tensor, parts: int) -> Tensor:
    """Convolve parts (N, parts x C, H, W) each with a part of a weight (parts x C', C, 1, 1)."""
    if x.is_cuda:
        return functional.conv2d(x, weight, groups=parts)
    return cast(Tensor, _Pointwise.apply(x, weight, parts))


def repeated(x: Tensor, blocks: int, parts: int, times: int) -> Tensor:
    """Repeat parts (N, parts x C, H, W), and all: (N, blocks x parts x times x C, H, W)."""
    return cast(Tensor, _Repeated.apply(x, blocks, parts, times))


def scaled(x: Tensor, scales: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Multiply parts of the channels each by a scale, () or (N, 1, 1, 1), and take them apart."""
    joined: Tensor = _Scaled.apply(x, torch.stack(list(scales)))
    return joined.chunk(len(scales), dim=1)


def weighted_sum(
    plain: Sequence[Tensor], others: Sequence[Tensor], weights: Sequence[Tensor]
) -> Tensor:
    """Sum up plain terms, and others times weights, () or (N, 1, 1, 1); terms (N, C, H, W)."""
    return cast(Tensor, _Sum.apply(len(plain), *plain, *others, *weights))


class _Pointwise(torch.autograd.Function):
    """Products of matrices: (N, parts x C, H, W) by (parts x C', C, 1, 1)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, parts: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.parts = parts
        return _multiply(x, _matrices(weight, parts, turned=True), x.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight = None, None
        if ctx.needs_input_grad[0]:
            of_x = _multiply(gradient, _matrices(weight, ctx.parts, turned=False), x.shape)
        if ctx.needs_input_grad[1]:
            of_weight = (_rows(gradient, ctx.parts).mT @ _rows(x, ctx.parts)).view(weight.shape)
        return of_x, of_weight, None


def _matrices(weight: Tensor, parts: int, *, turned: bool) -> Tensor:
    """Return (parts, C', C), turned (parts, C, C'), without `parts` if it is 1."""
    columns, rows = weight.shape[1], len(weight) // parts
    shape: tuple[int, ...] = (rows, columns)
    strides: tuple[int, ...] = (columns, 1)
    if turned:
        shape, strides = shape[::-1], strides[::-1]
    if parts > 1:
        shape, strides = (parts, *shape), (rows * columns, *strides)
    return weight.as_strided(shape, strides)


def _rows(x: Tensor, parts: int) -> Tensor:
    """Return (parts, N x H x W, C) for (N, parts x C, H, W), without `parts` if it is 1."""
    n, channels, height, width = x.shape
    step = x.stride(3)
    if x.stride() != (height * width * step, 1, width * step, step):
        x = x.contiguous(memory_format=torch.channels_last)
        step = channels
    if parts == 1:
        return x.as_strided((n * height * width, channels), (step, 1))
    each = channels // parts
    return x.as_strided((parts, n * height * width, each), (each, step, 1))


def _multiply(x: Tensor, matrices: Tensor, shape: torch.Size) -> Tensor:
    """Multiply parts of the channels each by a matrix (C, C'); `shape` is that of images."""
    (n, _, height, width), each = shape, matrices.shape[-1]
    parts = len(matrices) if matrices.dim() > 2 else 1
    if parts == 1:
        product = _rows(x, 1) @ matrices
    else:
        product = x.new_empty(n * height * width, parts * each)
        torch.bmm(_rows(x, parts), matrices, out=_from_rows(product, parts))
    channels = parts * each
    strides = (height * width * channels, 1, width * channels, channels)
    return product.as_strided((n, channels, height, width), strides)


def _from_rows(rows: Tensor, parts: int) -> Tensor:
    count, channels = rows.shape
    each = channels // parts
    return rows.as_strided((parts, count, each), (each, channels, 1))


class _Repeated(torch.autograd.Function):
    """(N, parts x C, H, W) to (N, blocks x parts x times x C, H, W)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, blocks: int, parts: int, times: int) -> Tensor:
        ctx.shape = blocks, parts, times, -1
        block = [part for part in x.chunk(parts, dim=1) for _ in range(times)]
        return torch.cat(block * blocks, dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        rows = gradient.permute(0, 2, 3, 1)
        parts = rows.reshape(*rows.shape[:3], *ctx.shape)  # (N, H, W, blocks, parts, times, C)
        return parts.sum((3, 5)).flatten(3).permute(0, 3, 1, 2), None, None, None


class _Scaled(torch.autograd.Function):
    """Multiply parts of the channels (N, parts x C, H, W) by (parts,) or (parts, N, 1, 1, 1)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scales: Tensor) -> Tensor:
        parts = len(scales)
        each = scales.view(parts, -1).t()  # (1 or N, parts)
        by_channel = each.repeat_interleave(x.shape[1] // parts, dim=1)
        by_channel = by_channel.view(*by_channel.shape, 1, 1)
        ctx.save_for_backward(x, by_channel)
        ctx.shape = scales.shape
        return x * by_channel

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, by_channel = ctx.saved_tensors
        of_x = gradient * by_channel if ctx.needs_input_grad[0] else None
        of_scales = None
        if ctx.needs_input_grad[1]:
            of_channel = (gradient * x).sum((2, 3))  # (N, parts x C)
            of_image = of_channel.view(len(x), ctx.shape[0], -1).sum(2).t()  # (parts, N)
            of_scales = of_image.sum(1) if len(ctx.shape) == 1 else of_image.reshape(ctx.shape)
        return of_x, of_scales


class _Sum(torch.autograd.Function):
    """See `weighted_sum`."""

    @staticmethod
    def forward(ctx: Any, plain: int, *given: Tensor) -> Tensor:
        others = (len(given) - plain) // 2
        terms, weights = given[plain : plain + others], given[plain + others :]
        ctx.plain = plain
        ctx.save_for_backward(*terms, *weights)
        total = torch.zeros_like(given[0]) if not terms else terms[0] * weights[0]
        for term, weight in zip(terms[1:], weights[1:], strict=True):
            total.addcmul_(term, weight)
        for term in given[:plain]:
            total.add_(term)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        others = len(ctx.saved_tensors) // 2
        terms, weights = ctx.saved_tensors[:others], ctx.saved_tensors[others:]
        gradient = in_one_piece(gradient)
        needed = ctx.needs_input_grad[1 + ctx.plain :]
        of_terms = [gradient * w if n else None for w, n in zip(weights, needed, strict=False)]
        of_weights = [
            _products(gradient, term, weight) if n else None
            for term, weight, n in zip(terms, weights, needed[others:], strict=True)
        ]
        return None, *[gradient] * ctx.plain, *of_terms, *of_weights


def _products(gradient: Tensor, term: Tensor, weight: Tensor) -> Tensor:
    every = gradient * term
    return every.sum((1, 2, 3), keepdim=True) if weight.dim() else every.sum()
