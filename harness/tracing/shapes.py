"""Runs operations on meta tensors quickly, and counts the kernels that each would launch.

Torch computes the shape of a result in Python, which takes longer than a small operation itself. A
search step repeats few shapes many times, so each is computed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from harness.cost_model.profile import Kernel, KernelClass
from harness.measure.dispatch import OperationMode, in_backward, schema_of, storage_address
from harness.measure.memory import MemoryCounter, makes_storage
from harness.tracing.fake_values import FakeValues
from harness.tracing.kernels import kernels_of, tensors_in

__all__ = ["SMALL", "Launches", "ShapeMode"]

SMALL = 64  # elements; α of a node has 28 at most
AS_THEY_ARE = {int, float, bool, str, torch.dtype, torch.device, torch.layout, type(None)}

aten = torch.ops.aten

_META = torch.device("meta")


@dataclass(frozen=True, eq=False)
class Known:
    """The result and the kernels of an operation on certain shapes."""

    kernels: tuple[Kernel, ...]
    makes_storage: bool
    make: Callable[[tuple[Any, ...]], Any] | None = None  # from its arguments; None: it has to run


Launches = Counter[tuple[Known, bool, bool]]
"""How often a known operation ran, with whether an optimizer asked, and the autograd engine."""

_known: dict[Any, Known] = {}  # in this process: searches share most of their shapes


class ShapeMode(OperationMode):  # type: ignore[no-untyped-call] # as its base
    """Stands in for a device on which all tensors are on torch's `meta` device.

    Values that are read come from `fake_values`, and new tensors are counted by `counter`.

    Attributes:
        fills_optimizers: whether torch's optimizers are to update every parameter they have, with a
            gradient of zero where there is none.
    """

    def __init__(self, fake_values: FakeValues, counter: MemoryCounter) -> None:
        """Start with nothing known."""
        super().__init__()
        self.fake_values, self.counter = fake_values, counter
        self._launches: Launches = Counter()
        self._in_optimizer = False
        self.fills_optimizers = False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Return the result of an operation, and count its kernels."""
        kwargs = kwargs or {}
        operation = id(func)  # hashing it takes longer; torch never frees it, so ids are unique
        if operation in _READS and _READS[operation](args, kwargs):
            return self._read(func, args, kwargs)
        if func is aten.rand.generator and self.fake_values.quiet:
            return torch.ones(args[0])
        key: tuple[Any, ...] = (operation, *map(_shape, args))
        if kwargs:
            key += tuple((name, _shape(value)) for name, value in kwargs.items())
        known = _known.get(key)
        if known is None:
            result = _as_devices_do(func, args, func(*args, **kwargs))
            known = _known[key] = _learn(func, args, result)
        else:
            result = known.make(args) if known.make else func(*args, **kwargs)
        if known.makes_storage:
            self.counter.watch((result,))
        if known.kernels:
            self._launches[known, self._in_optimizer, in_backward()] += 1
        if isinstance(result, Tensor) and result.numel() < SMALL:
            self.fake_values.pass_on([each for each in args if isinstance(each, Tensor)], result)
        return result

    @contextmanager
    def counting(self) -> Iterator[Counter[Kernel]]:
        """Yield a counter that holds the kernels launched inside, once the block is left."""
        kernels: Counter[Kernel] = Counter()
        self._launches.clear()
        yield kernels
        for (known, in_optimizer, by_engine), count in self._launches.items():
            for kind, flops, traffic, _ in known.kernels:
                place: KernelClass = "optimizer" if in_optimizer else kind
                kernels[Kernel(place, flops, traffic, by_engine)] += count

    def launches(self) -> Launches:
        """Return what has been launched in the present `counting` block, or since the last one."""
        return Counter(self._launches)

    def launch_again(self, launches: Launches) -> None:
        """Count what is known to be launched."""
        self._launches.update(launches)

    @contextmanager
    def optimizers_told_apart(self) -> Iterator[None]:
        """Count kernels that torch's optimizers launch within the context as the optimizers'."""

        def enter(optimizer: torch.optim.Optimizer, *_: Any) -> None:
            if self.fills_optimizers:
                _fill_gradients(optimizer)
            self._in_optimizer = True

        def leave(*_: Any) -> None:
            self._in_optimizer = False

        hooks = [
            register_optimizer_step_pre_hook(enter),
            register_optimizer_step_post_hook(leave),
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _read(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Bring values to the host."""
        if func is aten.copy_.default:
            return args[0]  # the target of the copy has no values either
        values = self.fake_values.read(args[0])
        if func is aten._local_scalar_dense.default:
            return values.item()
        return values.to(kwargs.get("dtype") or values.dtype)


# Operations that bring values from the meta device to the host, where they do.
_READS: dict[int, Callable[[tuple[Any, ...], dict[str, Any]], bool]] = {
    id(aten._local_scalar_dense.default): lambda args, _: args[0].is_meta,
    id(aten._to_copy.default): lambda args, kwargs: args[0].is_meta and _goes_to_host(kwargs),
    id(aten.copy_.default): lambda args, _: args[1].is_meta and not args[0].is_meta,
}


def _fill_gradients(optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)


def _as_devices_do(operation: Any, args: tuple[Any, ...], result: Any) -> Any:
    """Return a result without tensors that only the `meta` device makes.

    Batch norm that normalises by running statistics keeps no statistics of the batch.
    """
    if operation is aten.native_batch_norm.default and not args[5]:  # not in training
        normalised, mean, deviation = result
        return normalised, mean.new_empty(0), deviation.new_empty(0)
    return result


def _learn(operation: Any, args: tuple[Any, ...], result: Any) -> Known:
    """Learn from one result how to make further results of the same operation and shapes."""
    given = list(tensors_in(args))
    if not any(each.is_meta for each in [*given, *tensors_in([result])]):
        return Known((), makes_storage(operation))  # on the host, where values count
    kernels = kernels_of(operation, args, result)
    if _returns_its_first(operation, result, args):
        return Known(kernels, False, lambda args: args[0])
    addresses = {storage_address(each.untyped_storage()) for each in given}
    made = result if isinstance(result, (tuple, list)) else [result]
    if not all(_is_plain(each, addresses) for each in made):
        return Known(kernels, makes_storage(operation))
    makers = [_maker(each) for each in made]
    if isinstance(result, (tuple, list)):
        return Known(kernels, True, lambda args: tuple([make(args) for make in makers]))
    return Known(kernels, True, makers[0])


def _returns_its_first(operation: Any, result: Any, args: tuple[Any, ...]) -> bool:
    """Return whether it changes its first argument in place, but not its shape."""
    name = schema_of(operation).name
    if not name.endswith("_") or "resize" in name or "set_" in name:
        return False
    return bool(args) and result is args[0]


def _is_plain(value: Any, taken: set[int]) -> bool:
    """Return whether an output is None or a new meta tensor that fills a storage of its own."""
    if value is None:
        return True
    if not (isinstance(value, Tensor) and value.is_meta and value.storage_offset() == 0):
        return False
    storage = value.untyped_storage()
    return storage_address(storage) not in taken and storage.nbytes() == _extent(value)


def _extent(tensor: Tensor) -> int:
    """Return the bytes from a tensor's first element to its last."""
    if tensor.numel() == 0:
        return 0
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    return (1 + sum((size - 1) * stride for size, stride in steps)) * tensor.element_size()


def _maker(like: Tensor | None) -> Callable[[tuple[Any, ...]], Tensor | None]:
    if like is None:
        return lambda _: None
    size, stride, dtype = like.shape, like.stride(), like.dtype
    return lambda _: torch.empty_strided(size, stride, dtype=dtype, device=_META)


def _shape(value: Any) -> Any:
    """Return what a result's shape can depend on, as a hashable value."""
    kind = type(value)
    if kind is Tensor or kind is Parameter:
        return value.shape, value.stride(), value.dtype, value.is_meta
    if kind in AS_THEY_ARE:
        return value
    if kind is tuple or kind is list:
        return tuple(map(_shape, value))
    return repr(value)


def _goes_to_host(kwargs: dict[str, Any]) -> bool:
    device = kwargs.get("device")
    return device is not None and torch.device(device).type == "cpu"
