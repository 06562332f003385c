"""What the harness holds a trial to, from outside the method: wall clock, memory, sane losses."""

from __future__ import annotations

import time

from harness.experiment.budget import Budget
from harness.measure.memory import MemoryCounter
from harness.metrics import MIB

__all__ = ["BudgetExceededError", "Limits", "NotFiniteError"]


class BudgetExceededError(Exception):
    """The trial used more of its budget than it may; the message says of what."""


class NotFiniteError(Exception):
    """A loss that is no number any more; the message says at which step."""


class Limits:
    """The memory and time limits of one trial.

    Attributes:
        memory_bytes: the smaller of the device's limit and the budget's, or None.
    """

    def __init__(self, budget: Budget, device_bytes: int | None) -> None:
        """Start the trial's clock."""
        self._budget = budget
        self._started = time.monotonic()
        budget_bytes = None if budget.memory_mb is None else int(budget.memory_mb * MIB)
        given = [limit for limit in (device_bytes, budget_bytes) if limit is not None]
        self.memory_bytes = min(given) if given else None
        # At equal limits the device is the harder one: no other budget would help.
        self.budget_binds = budget_bytes is not None and (
            device_bytes is None or budget_bytes < device_bytes
        )

    def check_clock(self) -> None:
        """Raise `BudgetExceededError` once the wall clock is used up."""
        allowed = self._budget.wall_clock_s
        if allowed is not None and time.monotonic() - self._started > allowed:
            raise BudgetExceededError(f"the budget's wall_clock_s={allowed:g} is used up")

    def check_memory(self, counter: MemoryCounter) -> None:
        """Raise `BudgetExceededError` if memory above the budget was ever asked for.

        A method may catch running out of memory and make do with less, as it could on the device;
        a budget is not to be tried out.
        """
        if self.budget_binds and counter.refused_bytes:
            raise BudgetExceededError(
                f"the budget's memory_mb={self._budget.memory_mb:g} is too little: at least "
                f"{counter.refused_bytes / MIB:,.1f} MiB were needed"
            )
