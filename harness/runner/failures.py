"""Says what an exception means for a trial: did not fit, over budget, or an error of the method."""

from __future__ import annotations

import torch

from harness.experiment.record import Status
from harness.runner.limits import BudgetExceededError

__all__ = ["status_of"]


def status_of(error: BaseException, *, budget_binds: bool) -> Status:
    """Return the status that a trial ends with when `error` ended it.

    Args:
        error: what was raised.
        budget_binds: the budget's memory limit, not the device's, was the smaller one.
    """
    if isinstance(error, BudgetExceededError):
        return "over_budget"
    if _is_out_of_memory(error):
        return "over_budget" if budget_binds else "out_of_memory"
    return "error"


def _is_out_of_memory(error: BaseException) -> bool:
    """Torch's CPU allocator has no error class of its own, only a sentence."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )
