"""What a device is asked to do: kernels, by class; imports no torch."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

__all__ = ["KERNEL_CLASSES", "Kernel", "KernelClass"]

KernelClass = Literal[
    "dense", "depthwise", "pointwise", "pooling", "batch_norm", "elementwise", "optimizer"
]
KERNEL_CLASSES: tuple[KernelClass, ...] = get_args(KernelClass)


class Kernel(NamedTuple):
    """One launch on a device."""

    kind: KernelClass
    flops: int  # floating-point operations; a multiplication and an addition are two
    bytes: int  # read and written, each operand once
    by_engine: bool = False  # launched by the autograd engine in its backward pass, not by Python
