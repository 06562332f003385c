"""The kernels of an operation: their class, arithmetic and memory traffic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

from torch import Tensor

from harness.cost_model.profile import Kernel, KernelClass
from harness.measure.dispatch import schema_of

__all__ = ["kernels_of", "tensors_in"]

_PRODUCTS = {"addmm", "mm", "bmm"}
_CLASS_OF: dict[str, KernelClass] = {
    "avg_pool2d": "pooling",
    "avg_pool2d_backward": "pooling",
    "max_pool2d_with_indices": "pooling",
    "max_pool2d_with_indices_backward": "pooling",
    "native_batch_norm": "batch_norm",
    "native_batch_norm_backward": "batch_norm",
}


def kernels_of(operation: Any, arguments: Sequence[Any], result: Any) -> tuple[Kernel, ...]:
    """Return the kernels that an operation launches.

    Args:
        operation: of torch's operator library.
        arguments: what it is called with.
        result: a tensor or a sequence of them.
    """
    name = schema_of(operation).name.split("::")[1]
    read, written = list(tensors_in(arguments)), list(tensors_in([result]))
    if name.startswith(("empty", "new_empty")) or _only_views(operation):
        return ()
    if name.startswith("_foreach_"):
        return tuple(_each_of_many(arguments, result))
    traffic = _bytes(read) + _bytes(written)
    if name == "convolution":
        return (_convolution(arguments[0], arguments[1], result, groups=arguments[8]),)
    if name == "convolution_backward":
        return _convolution_backward(arguments)
    if name in _PRODUCTS:
        inner = arguments[-2].shape[-1]
        return (Kernel("dense", 2 * inner * result.numel(), traffic),)
    elements = max((each.numel() for each in [*read, *written]), default=0)
    return (Kernel(_CLASS_OF.get(name, "elementwise"), elements, traffic),)


def _each_of_many(arguments: Sequence[Any], result: Any) -> Iterable[Kernel]:
    """Yield a kernel for each tensor of an operation on lists of them.

    Newer versions of torch launch several at once on a GPU; the code of published times did not.
    """
    written = arguments[0] if result is None else result  # None: it is one in place
    lists = [each for each in (*arguments, written) if _is_list_of_tensors(each)]
    for tensors in zip(*lists, strict=True):
        yield Kernel("elementwise", tensors[0].numel(), _bytes(tensors))


def _is_list_of_tensors(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and isinstance(next(iter(value), None), Tensor)


def tensors_in(values: Iterable[Any]) -> Iterable[Tensor]:
    """Yield all tensors of nested sequences."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from tensors_in(value)


def _only_views(operation: Any) -> bool:
    """Return whether it computes nothing: it returns only views of its arguments."""
    schema = schema_of(operation)
    aliases = [each.alias_info for each in schema.returns]
    return bool(aliases) and all(each is not None and not each.is_write for each in aliases)


def _convolution(images: Tensor, weight: Tensor, output: Tensor, *, groups: int) -> Kernel:
    """Return the kernel of images (N, C, H, W), weight (D, C/groups, h, w), output (N, D, ...)."""
    kind = _convolution_class(weight, groups)
    return Kernel(kind, _multiplications(weight, output) * 2, _bytes([images, weight, output]))


def _convolution_backward(arguments: Sequence[Any]) -> tuple[Kernel, ...]:
    """Return a kernel for the gradient of the images, and one for that of the weight, if asked."""
    gradient, images, weight = arguments[:3]
    groups, asked = arguments[9], arguments[10]
    kernel = _convolution(images, weight, gradient, groups=groups)
    return tuple(kernel for is_asked in asked[:2] if is_asked)


def _convolution_class(weight: Tensor, groups: int) -> KernelClass:
    if groups > 1:
        return "depthwise"
    return "pointwise" if prod(weight.shape[2:]) == 1 else "dense"


def _multiplications(weight: Tensor, output: Tensor) -> int:
    return output.numel() * prod(weight.shape[1:])


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(each.numel() * each.element_size() for each in tensors)
