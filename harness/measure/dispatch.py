"""What torch keeps private, in one module: modes that see all operations, identity of storages.

Torch documents the dispatch mode as an extension point, but under a private name, as it does the
operations on many tensors at once.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from operator import attrgetter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

__all__ = [
    "OperationMode",
    "each_abs",
    "each_add_",
    "each_addcdiv_",
    "each_addcmul_",
    "each_div_",
    "each_maximum_",
    "each_mul_",
    "each_sqrt",
    "in_backward",
    "outside_modes",
    "schema_of",
    "storage_address",
]

# Told by C code, since they are asked for at every operation.
schema_of = attrgetter("_schema")
"""Return what an operation takes and gives, with the aliases among them."""

storage_address = attrgetter("_cdata")
"""Return a number that no other storage has while this one lives."""

# Each does to every tensor of a list what the operation of that name does to one.
each_abs = torch._foreach_abs
each_add_ = torch._foreach_add_
each_addcdiv_ = torch._foreach_addcdiv_
each_addcmul_ = torch._foreach_addcmul_
each_div_ = torch._foreach_div_
each_maximum_ = torch._foreach_maximum_
each_mul_ = torch._foreach_mul_
each_sqrt = torch._foreach_sqrt


class OperationMode(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch has no types here
    """A mode in which every operation passes through `__torch_dispatch__`.

    It is below automatic differentiation, so that it sees the backward pass too. Modes that are
    entered later come first; inside its own dispatch a mode is left out, those below are not.
    """

    def __init__(self) -> None:
        """Make a mode, which does nothing until it is entered."""
        super().__init__()  # type: ignore[no-untyped-call] # nor here

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from wrapping the dispatch for its compiler, which would cost every call."""
        return False


def outside_modes() -> AbstractContextManager[Any]:
    """Hide what happens inside from every mode."""
    context: AbstractContextManager[Any] = _disable_current_modes()
    return context


def in_backward() -> bool:
    """Return whether the autograd engine is running, which calls operations without Python."""
    return torch._C._current_graph_task_id() != -1
