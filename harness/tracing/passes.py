"""Remembers passes through the supernet, so that a pass like an earlier one is not traced again.

A forward and backward pass on shapes depends on shapes and settings, not on values. A search has
few different passes: each step repeats those of the last step, micro-batches are alike, and so are
rows of a table that differ only in the number of batches. So each pass is traced once in a process,
and then only its effects are repeated. Two passes are alike if their descriptions are equal, see
`likeness`. A pass that cannot be described, or has other effects than gradients and an outcome, is
traced each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from harness.contracts import Batch
from harness.measure.dispatch import storage_address
from harness.space.backpropagation import BatchOutcome, Engine, pass_runner
from harness.space.mixing import Mixing
from harness.space.recompute import learns
from harness.space.supernet import Supernet
from harness.tracing.likeness import UnlikeError, of_batch, of_engine, of_mixing, of_network
from harness.tracing.shapes import Launches, ShapeMode

__all__ = ["remembered_passes"]


@dataclass(frozen=True)
class _Made:
    """A tensor that a pass leaves: shape, strides, type, and the source of its fake values."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    values_of: int | None = None  # number of a parameter

    def again(self) -> Tensor:
        """Return a new tensor like it."""
        return torch.empty_strided(self.size, self.stride, dtype=self.dtype, device="meta")


@dataclass(frozen=True)
class _TracedPass:
    """The effects of a pass.

    Attributes:
        peak_bytes: its peak memory, beyond what was alive before.
        launches: how often it ran each operation.
        gradients: the gradients it made, by the number of their parameter.
        outcome: loss and accuracy.
    """

    peak_bytes: int
    launches: Launches
    gradients: Mapping[int, _Made]
    outcome: tuple[_Made, _Made]


_passes: dict[Any, _TracedPass | None] = {}  # None: it has to be traced each time


@contextmanager
def remembered_passes(shapes: ShapeMode) -> Iterator[None]:
    """Repeat the effects of known passes, within the context, instead of tracing them."""
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
        mixed = of_mixing(made, parameters, learns=learns(net.cells))
        key = (of_engine(engine), of_network(net), of_batch(batch), mixed)
    except UnlikeError:
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
    """A pass that is being traced, and the state before it, to find its effects."""

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
        """Return the effects of the pass; None if it had effects that cannot be repeated."""
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
        except UnlikeError:
            return None

    def _new_gradients(self) -> dict[int, Tensor] | None:
        """Return the gradients that are new; None if existing ones were replaced."""
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
            raise UnlikeError
        made = _Made(tuple(tensor.shape), tensor.stride(), tensor.dtype)
        if made.again().untyped_storage().nbytes() != tensor.untyped_storage().nbytes():
            raise UnlikeError
        values = self.shapes.fake_values.of(tensor)
        if values is None:
            return made
        for number, parameter in enumerate(self.parameters):
            if self.shapes.fake_values.of(parameter) is values:
                return _Made(made.size, made.stride, made.dtype, number)
        raise UnlikeError
