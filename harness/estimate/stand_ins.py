"""Values for tensors that have a shape only, so that methods which look at values can be traced.

A search method may draw paths by α or rank operations by it. On meta tensors there are no values to
look at: what is read gets stand-ins. So an estimate follows one possible run; which one, is decided
here. α can be made to prefer the operations that keep most, or least, alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from harness.measure.dispatch import outside_modes

__all__ = ["StandIns"]


@dataclass
class StandIns:
    """Gives values to tensors that are read.

    A tensor that was told of by `set` has its own values, and so has what is computed from it
    element by element; of others, floats are uniform noise and integers zero.

    Attributes:
        generator: of the noise, on the CPU.
        reads: how often more than a single value was looked at.
        quiet: whether chance is to keep out of a method's choices: what it draws uniformly from
            [0, 1) with a generator is then 1, so that nothing happens that has a probability.
    """

    generator: torch.Generator
    reads: int = 0
    quiet: bool = False
    _attribute: str = field(default="_stand_in", init=False)

    def set(self, tensor: Tensor, values: Tensor) -> None:
        """Say what `tensor` is to be read as; `values` has its shape, or one that broadcasts."""
        setattr(tensor, self._attribute, values)

    def pass_on(self, sources: Sequence[Tensor], result: Any) -> None:
        """Let a result of the same shape as one of the sources be read as that one is."""
        for source in sources:
            values = getattr(source, self._attribute, None)
            if values is not None and isinstance(result, Tensor) and result.shape == source.shape:
                self.set(result, values)

    def read(self, tensor: Tensor) -> Tensor:
        """Return what `tensor` is read as, on the CPU."""
        with outside_modes():
            values = getattr(tensor, self._attribute, None)
            self.reads += tensor.numel() > 1
            if values is not None:
                return torch.broadcast_to(values, tensor.shape).to(tensor.dtype, copy=True)
            if tensor.dtype.is_floating_point:
                noise = torch.rand(tensor.shape, generator=self.generator)
                return noise.to(tensor.dtype)
            return torch.zeros(tensor.shape, dtype=tensor.dtype)
