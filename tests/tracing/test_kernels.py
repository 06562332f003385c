"""What an operation costs: its class, its arithmetic, its traffic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from harness.cost_model.profile import Kernel
from harness.measure.memory import MemoryCounter
from harness.tracing.fake_values import FakeValues
from harness.tracing.shapes import ShapeMode


def launched(work: Callable[[], object]) -> Counter[Kernel]:
    """The kernels that some work on meta tensors launches."""
    shapes = ShapeMode(FakeValues(torch.Generator()), MemoryCounter("meta", "cpu"))
    with shapes, shapes.counting() as kernels:
        work()
    return kernels


def meta(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


def test_a_convolution_by_hand() -> None:
    """A 3x3 convolution multiplies and adds 9 C times for each output, and moves each operand."""
    images, weight = meta(2, 4, 8, 8), meta(6, 4, 3, 3)
    (kernel,) = launched(lambda: functional.conv2d(images, weight, padding=1))
    outputs = 2 * 6 * 8 * 8
    assert kernel == Kernel("dense", 2 * 9 * 4 * outputs, 4 * (512 + 216 + outputs))


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (lambda: functional.conv2d(meta(1, 8, 4, 4), meta(8, 1, 3, 3), groups=8), "depthwise"),
        (lambda: functional.conv2d(meta(1, 8, 4, 4), meta(8, 8, 1, 1)), "pointwise"),
        (lambda: functional.conv2d(meta(1, 8, 4, 4), meta(8, 8, 1, 3)), "dense"),
        (lambda: functional.max_pool2d(meta(1, 8, 4, 4), 3), "pooling"),
        (lambda: functional.avg_pool2d(meta(1, 8, 4, 4), 3), "pooling"),
        (lambda: functional.batch_norm(meta(2, 8, 4, 4), None, None, training=True), "batch_norm"),
        (lambda: functional.linear(meta(2, 8), meta(5, 8), meta(5)), "dense"),
        (lambda: functional.relu(meta(2, 8)), "elementwise"),
    ],
)
def test_each_operation_has_its_class(work: Callable[[], object], kind: str) -> None:
    """Operations are told apart by what bounds them."""
    assert {kernel.kind for kernel in launched(work)} == {kind}


def test_views_launch_nothing() -> None:
    """A view computes nothing, and memory that is only reserved is not touched."""
    images = meta(2, 8, 4, 4)
    assert not launched(
        lambda: (images[:1].flatten(1).t(), images.detach(), torch.empty_like(images))
    )


def test_the_backward_pass_is_told_apart() -> None:
    """What the autograd engine launches is not launched by Python."""
    weight = meta(3, 2, 1, 1).requires_grad_()
    images = meta(1, 2, 4, 4).requires_grad_()

    def work() -> None:
        torch.autograd.backward(functional.conv2d(images, weight).sum())

    by_engine = Counter[tuple[bool, str]]()
    for kernel, count in launched(work).items():
        by_engine[kernel.by_engine, kernel.kind] += count
    assert by_engine[False, "pointwise"] == 1
    assert by_engine[True, "pointwise"] == 2  # for the images and for the weight


def test_the_optimizer_is_told_apart() -> None:
    """What an optimizer of torch launches is its own class."""
    weight = torch.nn.Parameter(meta(8))
    weight.grad = meta(8)
    optimizer = torch.optim.Adam([weight])
    shapes = ShapeMode(FakeValues(torch.Generator()), MemoryCounter("meta"))
    with shapes, shapes.optimizers_told_apart(), shapes.counting() as kernels:
        optimizer.step()
        weight.detach().relu()
    assert {kernel.kind for kernel in kernels} == {"optimizer", "elementwise"}


def test_repeated_shapes_are_counted_each_time() -> None:
    """A result that is known already still counts as a launch, and as memory."""
    counter = MemoryCounter("meta")
    shapes = ShapeMode(FakeValues(torch.Generator()), counter)
    with shapes, shapes.counting() as kernels:
        images = torch.zeros(100, device="meta")
        kept = [images + 1 for _ in range(3)]
        assert counter.live_bytes == 4 * 512
    assert sum(kernels.values()) == 4
    assert all(each.shape == (100,) for each in kept)
