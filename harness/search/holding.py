"""Holds parameters still, so that no gradient of theirs is computed or kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["held_still"]


@contextmanager
def held_still(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Compute no gradients of `parameters` inside."""
    held = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
