"""Descriptions of passes through the supernet, which can be compared and hashed.

A description covers everything that a pass on shapes may depend on: every attribute, parameter and
gradient of the network, the images, the mixing weights, and the autograd graph above these.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import partial
from types import NoneType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from harness.contracts import Batch
from harness.space.backpropagation import Engine
from harness.space.mixing import Mixing, NodeMixing
from harness.tracing.shapes import SMALL

__all__ = [
    "TENSORS_AND_MODULES",
    "UnlikeError",
    "never_changes",
    "of_batch",
    "of_engine",
    "of_mixing",
    "of_network",
]


class UnlikeError(Exception):
    """Something cannot be described so that it could be compared."""


def of_engine(engine: Engine) -> Any:
    """Describe an engine of the harness, which depends on nothing but its arguments."""
    if isinstance(engine, partial):
        return of_engine(engine.func), engine.args, tuple(sorted(engine.keywords.items()))
    if not getattr(engine, "__module__", "").startswith("harness.space."):
        raise UnlikeError
    return engine


def of_batch(batch: Batch) -> Any:
    """Describe images and labels by their shapes."""
    return _of_tensor(batch.images), _of_tensor(batch.labels)


def of_network(net: nn.Module) -> Any:
    """Describe a network: its modules in order, their attributes, parameters and buffers.

    Few attributes of a module ever change, so they are compared with those of its last description;
    tensors and submodules are described each time.
    """
    return tuple([_of_module(module) for module in net.modules()])


_seen: WeakKeyDictionary[nn.Module, tuple[dict[str, Any], int]] = WeakKeyDictionary()
"""What a module was when it was described last, and a number for its description."""

_numbers: dict[Any, int] = {}


def _of_module(module: nn.Module) -> Any:
    present = vars(module)
    before, number = _seen.get(module, _NEVER)
    if before != present:  # tensors are not compared: their containers are the same ones
        number = _describe(module)
    return (
        number,
        *present["_modules"],
        *[(name, _of_parameter(each)) for name, each in present["_parameters"].items()],
        *[(name, _of_tensor(each)) for name, each in present["_buffers"].items()],
    )


def _describe(module: nn.Module) -> int:
    """Return a number that identifies a module's attributes, without tensors and submodules."""
    parts: list[Any] = [type(module)]
    before = dict(vars(module))
    is_fixed = True
    for name, value in vars(module).items():
        if name in TENSORS_AND_MODULES:
            continue
        if not value and type(value) in _CONTAINERS:
            parts.append(name)
            before[name] = type(value)()
        else:
            parts.append((name, _plain(value)))
            is_fixed &= never_changes(value)
    number = _numbers.setdefault(tuple(parts), len(_numbers))
    if is_fixed:
        _seen[module] = before, number
    return number


_NEVER: tuple[None, int] = None, 0
TENSORS_AND_MODULES = {"_parameters", "_buffers", "_modules"}
_CONTAINERS = {dict, OrderedDict, set}  # mostly of hooks, of which there are none


def never_changes(value: object) -> bool:
    """Tell whether a value is plain: immutable, and equal to others of the same content."""
    if type(value) is tuple:
        return all(map(never_changes, value))
    return type(value) in {bool, int, float, str, NoneType, torch.dtype}


def _of_parameter(parameter: Tensor | None) -> Any:
    if parameter is None:
        return None
    return _of_tensor(parameter), _of_tensor(parameter.grad)


def _of_tensor(tensor: Tensor | None) -> Any:
    if tensor is None:
        return None
    has_values = tensor.numel() < SMALL and hasattr(tensor, "_fake_value")
    flags = tensor.requires_grad, tensor.is_meta, tensor.dtype, has_values
    return tensor.shape, tensor.stride(), flags


def of_mixing(mixing: Mixing, parameters: list[nn.Parameter], *, learns: bool) -> Any:
    """Describe mixing weights; `learns` tells whether any weight of a cell does."""
    if type(mixing) is not Mixing:
        raise UnlikeError
    numbers = {id(parameter): number for number, parameter in enumerate(parameters)}
    seen: dict[Any, int] = {}
    return tuple(
        _of_node(node, seen, numbers, learns=learns) for cell in mixing.cells for node in cell
    )


def _of_node(
    node: NodeMixing, seen: dict[Any, int], numbers: Mapping[int, int], *, learns: bool
) -> Any:
    parts: list[Any] = [type(node)]
    for name in [each.name for each in fields(node)]:
        value = getattr(node, name)
        if isinstance(value, Tensor):
            parts.append((_of_tensor(value), tuple(_graph(value.grad_fn, seen, numbers))))
        elif name == "tracked" and node.through and value is not None and not learns:
            parts.append("through")  # which weights would learn matters to none
        else:
            parts.append(_plain(value))
    return tuple(parts)


def _graph(node: Any, seen: dict[Any, int], numbers: Mapping[int, int]) -> Iterable[Any]:
    """Yield the functions that a backward pass goes through, down to the parameters."""
    if node is None or node in seen:
        yield seen.get(node)
        return
    seen[node] = len(seen)
    yield node.name()
    if hasattr(node, "variable"):
        yield numbers.get(id(node.variable))
    for following, output in node.next_functions:
        yield output
        yield from _graph(following, seen, numbers)


def _plain(value: Any) -> Any:
    """Describe a value without tensors."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    if isinstance(value, (dict, set)):
        if value:
            raise UnlikeError
        return None
    by_value: object = type(value).__hash__
    if isinstance(value, Tensor) or by_value in {None, object.__hash__}:
        raise UnlikeError
    return value
