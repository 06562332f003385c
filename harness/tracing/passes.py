"""Passes through the supernet that were traced before: what they did is done again, not traced.

A forward and backward pass on shapes depends on the shapes and on how things are set up, not on
values. A search goes through few that differ: every step repeats those of the last, the parts of a
batch are alike, and so are rows of a table that differ in how many batches there are. So each is
traced once in a process. Two passes are alike if all that is known of them is: every attribute,
parameter and gradient in the network, the images, the mixing weights and the graph above these.
What cannot be described that way, or leaves other traces than gradients and an outcome, is traced
anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from types import NoneType
from typing import Any

import torch
from torch import Tensor, nn

from harness.contracts import Batch
from harness.measure.dispatch import storage_address
from harness.space.backpropagation import BatchOutcome, Engine, pass_runner
from harness.space.mixing import Mixing, NodeMixing
from harness.space.recompute import learns
from harness.space.supernet import Supernet
from harness.tracing.shapes import SMALL, Launches, ShapeMode

__all__ = ["remembered_passes"]


class _UnlikeError(Exception):
    """Something has no description that another could be compared with."""


@dataclass(frozen=True)
class _Made:
    """A tensor that a pass leaves: its shape, strides and type, and whose fake values it has."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    values_of: int | None = None  # number of a parameter

    def again(self) -> Tensor:
        """Return another one."""
        return torch.empty_strided(self.size, self.stride, dtype=self.dtype, device="meta")


@dataclass(frozen=True)
class _TracedPass:
    """What a pass did.

    Attributes:
        peak_bytes: the most that lived in it, besides what lived before.
        launches: how often it did what is known.
        gradients: those it made, by the number of their parameter.
        outcome: loss and accuracy.
    """

    peak_bytes: int
    launches: Launches
    gradients: Mapping[int, _Made]
    outcome: tuple[_Made, _Made]


_passes: dict[Any, _TracedPass | None] = {}  # None: it has to be traced each time


@contextmanager
def remembered_passes(shapes: ShapeMode) -> Iterator[None]:
    """Do again what was done before, inside, where engines of the host are run on shapes."""
    token = pass_runner.set(partial(_run, shapes))
    try:
        yield
    finally:
        pass_runner.reset(token)


def _run(  # noqa: PLR0913, PLR0917 - an engine's, and what it is run on
    shapes: ShapeMode,
    engine: Engine,
    net: Supernet,
    batch: Batch,
    mixing: Callable[[], Mixing],
    share: float,
) -> BatchOutcome:
    before = shapes.counter.living()
    made = mixing()
    parameters = list(net.parameters())
    try:
        mixed = _of_mixing(made, parameters, learns=learns(net.cells))
        key = (_of_engine(engine), _of_network(net), _of_batch(batch), mixed)
    except _UnlikeError:
        return engine(net, batch, made, share=share)
    if (known := _passes.get(key)) is not None:  # once: a key is long to hash
        return _again(shapes, known, parameters)
    if key in _passes:
        return engine(net, batch, made, share=share)
    watched = _WatchedPass(shapes, parameters)
    outcome = engine(net, batch, made, share=share)
    del made
    _passes[key] = watched.what_was_done(outcome, before)
    return outcome


def _again(shapes: ShapeMode, known: _TracedPass, parameters: list[nn.Parameter]) -> BatchOutcome:
    counter = shapes.counter
    counter.raise_peak(counter.live_bytes + known.peak_bytes)
    shapes.launch_again(known.launches)
    for number, gradient in known.gradients.items():
        parameters[number].grad = made = gradient.again()
        if gradient.values_of is not None:
            shapes.fake_values.pass_on([parameters[gradient.values_of]], made)
    loss, accuracy = known.outcome
    return BatchOutcome(loss.again(), accuracy.again())


class _WatchedPass:
    """A pass that is traced, and what is to be known of it afterwards."""

    def __init__(self, shapes: ShapeMode, parameters: list[nn.Parameter]) -> None:
        self.shapes, self.parameters = shapes, parameters
        self.gradients = [parameter.grad for parameter in parameters]
        self.values = [shapes.fake_values.of(each) for each in self.gradients]
        self.looks = shapes.fake_values.looks
        self.launches = shapes.launches()
        counter = shapes.counter
        self.live_bytes, self.peak_bytes = counter.live_bytes, counter.peak_bytes
        counter.reset_peak()

    def what_was_done(self, outcome: BatchOutcome, before: frozenset[int]) -> _TracedPass | None:
        """Return what the pass did; None if it did anything that would not be done again."""
        counter, fake_values = self.shapes.counter, self.shapes.fake_values
        peak = counter.peak_bytes - self.live_bytes
        counter.raise_peak(self.peak_bytes)
        results = [outcome.loss, outcome.accuracy]
        gradients = self._new_gradients()
        if gradients is None or fake_values.looks != self.looks:
            return None
        new = [*results, *gradients.values()]
        addresses = {storage_address(each.untyped_storage()) for each in new}
        if len(addresses) < len(new) or counter.living() != before | addresses:
            return None
        try:
            return _TracedPass(
                peak,
                self.shapes.launches() - self.launches,
                {number: self._made(each) for number, each in gradients.items()},
                (self._made(results[0]), self._made(results[1])),
            )
        except _UnlikeError:
            return None

    def _new_gradients(self) -> dict[int, Tensor] | None:
        """Return the gradients that there were not before; None if others were replaced."""
        new = {}
        for number, (parameter, old) in enumerate(
            zip(self.parameters, self.gradients, strict=True)
        ):
            gradient = parameter.grad
            if gradient is old:
                if self.shapes.fake_values.of(gradient) is not self.values[number]:
                    return None
            elif old is not None or gradient is None:
                return None
            else:
                new[number] = gradient
        return new

    def _made(self, tensor: Tensor) -> _Made:
        if not tensor.is_meta or tensor.requires_grad or tensor.storage_offset():
            raise _UnlikeError
        made = _Made(tuple(tensor.shape), tensor.stride(), tensor.dtype)
        if made.again().untyped_storage().nbytes() != tensor.untyped_storage().nbytes():
            raise _UnlikeError
        values = self.shapes.fake_values.of(tensor)
        if values is None:
            return made
        for number, parameter in enumerate(self.parameters):
            if self.shapes.fake_values.of(parameter) is values:
                return _Made(made.size, made.stride, made.dtype, number)
        raise _UnlikeError


# What passes are told apart by


def _of_engine(engine: Engine) -> Any:
    """Describe an engine of the host; it depends on nothing but what it is given."""
    if isinstance(engine, partial):
        return _of_engine(engine.func), engine.args, tuple(sorted(engine.keywords.items()))
    if not getattr(engine, "__module__", "").startswith("harness.space."):
        raise _UnlikeError
    return engine


def _of_batch(batch: Batch) -> Any:
    return _of_tensor(batch.images), _of_tensor(batch.labels)


def _of_network(net: nn.Module) -> Any:
    return tuple(_of_module(module) for module in net.modules())


def _of_module(module: nn.Module) -> Any:
    parts: list[Any] = [type(module)]
    for name, value in vars(module).items():
        if type(value) in _AS_THEY_ARE:
            parts.append((name, value))
        elif not value and type(value) in _CONTAINERS:
            parts.append(name)
        elif name == "_modules":
            parts.append(tuple(value))
        elif name == "_parameters":
            parts += [(key, _of_parameter(each)) for key, each in value.items()]
        elif name == "_buffers":
            parts += [(key, _of_tensor(each)) for key, each in value.items()]
        else:
            parts.append((name, _plain(value)))
    return tuple(parts)


# Most attributes of a module are numbers, or hooks of which there are none.
_AS_THEY_ARE, _CONTAINERS = {bool, int, float, str, NoneType}, {dict, OrderedDict, set}


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


def _of_mixing(mixing: Mixing, parameters: list[nn.Parameter], *, learns: bool) -> Any:
    """Describe mixing weights; `learns` tells whether any weight of a cell does."""
    if type(mixing) is not Mixing:
        raise _UnlikeError
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
            raise _UnlikeError
        return None
    by_value: object = type(value).__hash__
    if isinstance(value, Tensor) or by_value in {None, object.__hash__}:
        raise _UnlikeError
    return value
