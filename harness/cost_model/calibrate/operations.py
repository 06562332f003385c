"""Single operations of the search space, by class of kernel, on shapes as they occur."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from harness.cost_model.calibrate.timing import Step, Work
from harness.cost_model.profile import KernelClass
from harness.search.optimizers import WeightOptimizer

__all__ = ["LAYERS", "Shape", "layer_work", "operation_works", "optimizer_work"]

REPEATS = 4  # of the layers, so that what is around them counts for little
WEIGHTS = 100  # tensors that an optimizer updates
LEARNING_RATE = 0.01


class Shape(NamedTuple):
    """What goes into a layer, and comes out of it: (images, channels, side, side)."""

    images: int
    channels: int
    side: int


class _Weighed(nn.Module):
    """Adds to a sum, as each operation of an edge is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return torch.addcmul(images, images, self.weight)


def _convolution(
    channels: int, kernel: int | tuple[int, int], dilation: int = 1, groups: int = 1
) -> nn.Module:
    return nn.Conv2d(
        channels, channels, kernel, padding="same", dilation=dilation, groups=groups, bias=False
    )


LAYERS: dict[KernelClass, Callable[[int], Sequence[nn.Module]]] = {
    "dense": lambda c: [_convolution(c, (1, 5)), _convolution(c, (5, 1))],
    "depthwise": lambda c: [_convolution(c, 3, groups=c), _convolution(c, 3, 2, groups=c)],
    "pointwise": lambda c: [_convolution(c, 1), _convolution(c, 1)],
    "pooling": lambda _: [
        nn.MaxPool2d(3, 1, padding=1),
        nn.AvgPool2d(3, 1, padding=1, count_include_pad=False),
    ],
    "batch_norm": lambda c: [nn.BatchNorm2d(c, affine=False), nn.BatchNorm2d(c, affine=False)],
    "elementwise": lambda _: [nn.ReLU(), _Weighed()],
}
"""For each class two layers that keep the shape of what they are given, by its channels."""


SHAPES = (
    Shape(1, 8, 7),
    Shape(5, 8, 14),
    Shape(3, 28, 21),
    Shape(15, 28, 14),
    Shape(15, 28, 28),
    Shape(5, 28, 84),
    Shape(5, 84, 42),
)
"""From where launches are all there is to where they are nothing."""

OPTIMIZER_CHANNELS = (8, 28, 84)


def operation_works() -> Iterator[Work]:
    """Yield single operations: on each shape a few layers of each class, and updates."""
    for shape in SHAPES:
        for kind in LAYERS:
            yield layer_work(kind, shape, back=False)
            yield layer_work(kind, shape, back=True)
    yield from map(optimizer_work, OPTIMIZER_CHANNELS)


def layer_work(kind: KernelClass, shape: Shape, *, back: bool) -> Work:
    """Return a few layers of a class: forward alone, or forward and back."""
    images, channels, side = shape
    passes = "forward and back" if back else "forward"
    name = f"{kind}, {images} x {channels} x {side}x{side}, {passes}"
    return Work(name, partial(_prepare_layers, LAYERS[kind], shape, back), parallel=False)


def optimizer_work(channels: int) -> Work:
    """Return one update of 3x3 convolutions of so many channels."""
    return Work(f"optimizer, C = {channels}", partial(_prepare_update, channels), parallel=False)


def _prepare_layers(
    layers: Callable[[int], Sequence[nn.Module]], shape: Shape, back: bool, device: torch.device
) -> Step:
    images, channels, side = shape
    net = nn.Sequential(*(each for _ in range(REPEATS) for each in layers(channels))).to(device)
    x = torch.randn(images, channels, side, side, device=device).requires_grad_(back)
    ones = torch.ones_like(x)

    def forward() -> object:
        return net(x)

    def gradients() -> None:
        x.grad = None
        net.zero_grad()
        torch.autograd.backward(net(x), ones)

    return gradients if back else torch.no_grad()(forward)


def _prepare_update(channels: int, device: torch.device) -> Step:
    shape = (channels, channels, 3, 3)
    weights = [nn.Parameter(torch.randn(shape, device=device)) for _ in range(WEIGHTS)]
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    return WeightOptimizer(weights, LEARNING_RATE).step
