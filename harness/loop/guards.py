"""Limits that trials are held to: wall clock, memory, finite numbers; and the status they end in.

Memory outside of torch's tensors, such as NumPy arrays, is not counted, since no operation shows
it. A little of it does not matter, but a method that keeps more than the device has would seem to
fit. So the growth of the whole process is watched as well (`RssGuard`).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.contracts import StepMetrics
from harness.devices.readings.linux import ReadingError, Tree, has_unified_memory, memory_entry
from harness.experiment.budget import Budget
from harness.experiment.outcome import Status
from harness.experiment.trial import DeviceIdentity
from harness.measure.memory import EmulatedOutOfMemoryError, MemoryCounter
from harness.metrics import MIB

__all__ = [
    "BudgetExceededError",
    "NotFiniteError",
    "RssGuard",
    "TrialLimits",
    "UncountedMemoryError",
    "check_logits",
    "check_metrics",
    "check_reported",
    "machine_suffices",
    "status_of",
]

# Torch has no error class for these, only sentences.
NO_MEMORY = re.compile(
    "out of memory"  # CUDA's allocator before torch 1.13, and the CUDA runtime and driver
    "|can't allocate memory|not enough memory: you tried|bad_alloc"  # the processor's
    "|_STATUS_ALLOC_FAILED"  # cuBLAS, cuDNN
    # Short of memory, torch asks NVML what there is, and a Tegra's NVML does not tell.
    "|NVML_SUCCESS == .*INTERNAL ASSERT FAILED.*CUDACachingAllocator",
    re.IGNORECASE,
)

# The libraries' handles take hundreds of MB. On a board that is where memory runs out; elsewhere it
# rather means a wrong installation.
NO_HANDLE = re.compile("(CUDNN|CUBLAS)_STATUS_NOT_INITIALIZED")


class BudgetExceededError(Exception):
    """The trial used more of its budget than it may; the message says of what."""


class NotFiniteError(Exception):
    """A loss is no longer finite; the message says at which step."""


class TrialLimits:
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
        """Raise `BudgetExceededError` if memory above the budget was ever requested.

        A method may catch the error of a full device and continue with less, as it could on the
        real device. Trying out the budget in that way is not allowed.
        """
        if self.budget_binds and counter.refused_bytes:
            raise BudgetExceededError(
                f"the budget's memory_mb={self._budget.memory_mb:g} is too little: at least "
                f"{counter.refused_bytes / MIB:,.1f} MiB were needed"
            )


def check_metrics(metrics: StepMetrics, where: str) -> None:
    """Check what a search step has returned.

    Raises:
        NotFiniteError: the loss or the accuracy is not finite.
        TypeError: it is not a mapping with both of them.
    """
    for name in ("loss", "accuracy"):
        value = _number(metrics, name)
        if not math.isfinite(value):
            raise NotFiniteError(f"the {name} became {value} at {where}")


def check_logits(logits: Tensor, images: Tensor) -> None:
    """Check what `predict` has returned for `images`, (N, channels, height, width).

    Logits that are NaN are refused, since their largest would not be a prediction.

    Raises:
        NotFiniteError: a logit is NaN.
        ValueError: it is not one row of logits for each image.
    """
    if logits.ndim != 2 or logits.shape[0] != images.shape[0]:
        raise ValueError(
            f"predict returned logits of shape {tuple(logits.shape)} for {images.shape[0]} images"
        )
    if torch.isnan(logits).any():
        raise NotFiniteError("predict returned logits that are NaN")


def check_reported(
    reported: Mapping[str, float], allowed: Collection[str], who: str
) -> dict[str, float]:
    """Check the metrics that a method or a device reports, and return them as floats.

    Args:
        reported: numbers by the metric's name.
        allowed: the names of metrics that it may report.
        who: who reports, in words, for messages.

    Raises:
        NotFiniteError: a number is not finite.
        ValueError: a name is not allowed.
    """
    for name, value in reported.items():
        if name not in allowed:
            raise ValueError(
                f"{who} reports the metric '{name}', which no plugin registers for it "
                f"(harness_register_metrics); there are: {', '.join(sorted(allowed)) or 'none'}"
            )
        if not math.isfinite(value):
            raise NotFiniteError(f"{who} reports {value} as its metric '{name}'")
    return {name: float(value) for name, value in reported.items()}


def _number(metrics: Any, name: str) -> float:
    try:
        return float(metrics[name])
    except (TypeError, KeyError, ValueError):
        raise TypeError(
            f"search_step returned {metrics!r:.80}; it must return a loss and an accuracy"
        ) from None


# What libraries and the allocator keep for themselves: buffers of convolutions, freed blocks.
SLACK_BYTES = 1024 * MIB

STATUS = Path("/proc/self/status")  # Linux alone has it; without it, nothing is refused


class UncountedMemoryError(MemoryError):
    """The process has grown by more than its tensors and the limit explain."""


class RssGuard:
    """Limits how far this process may grow beyond its tensors, from the start of a search on."""

    def __init__(self, limit_bytes: int | None, status: Path = STATUS) -> None:
        """Remember what the process holds now; without a limit, nothing is refused."""
        self._limit_bytes, self._status = limit_bytes, status
        self._start = _anonymous_bytes(status)

    def check(self, counted_bytes: int) -> None:
        """Check that uncounted memory is within the limit, or within the usual slack.

        Args:
            counted_bytes: peak memory of tensors so far; the process may still hold freed blocks.

        Raises:
            UncountedMemoryError: it is larger than both.
        """
        if self._limit_bytes is None or self._start is None:
            return
        now = _anonymous_bytes(self._status)
        if now is None:
            return
        uncounted = now - self._start - counted_bytes
        if uncounted > max(self._limit_bytes, SLACK_BYTES):
            raise UncountedMemoryError(
                f"the process took {uncounted / MIB:,.0f} MiB besides its tensors, which is more "
                f"than the limit of {self._limit_bytes / MIB:,.1f} MiB for all"
            )


def _anonymous_bytes(status: Path) -> int | None:
    """Return the bytes of the process that no file backs; None where they cannot be read."""
    try:
        lines = status.read_text(encoding="utf-8").splitlines()
        (kibibytes,) = (line.split()[1] for line in lines if line.startswith("RssAnon:"))
        return int(kibibytes) * 1024
    except (OSError, ValueError):
        return None


def status_of(
    error: BaseException, *, budget_binds: bool, suffices: bool = True, root: Path = Path("/")
) -> Status:
    """Return the status that a trial ends with when `error` ended it.

    Args:
        error: what was raised.
        budget_binds: the budget's memory limit, not the device's, was the smaller one.
        suffices: whether the device would run out of memory wherever this machine does; see
            `machine_suffices`.
        root: where `/proc` and `/sys` are.
    """
    if isinstance(error, BudgetExceededError):
        return "over_budget"
    is_devices = isinstance(error, EmulatedOutOfMemoryError)
    if is_devices or (suffices and _is_out_of_memory(error, root)):
        return "over_budget" if budget_binds else "out_of_memory"
    return "error"


def machine_suffices(device: DeviceIdentity, here: torch.device, root: Path = Path("/")) -> bool:
    """Tell whether a device would run out of memory wherever this machine does.

    Not if the device is emulated, and has more memory than the machine that emulates it.

    Args:
        device: of the trial.
        here: the torch device that computes.
        root: where `/proc` and `/sys` are.
    """
    limit = device.profile.memory_limit_bytes
    if device.mode == "measured" or limit is None:
        return True
    try:
        if here.type == "cuda":
            return torch.cuda.get_device_properties(here).total_memory >= limit
        return memory_entry(Tree(root), "MemTotal") >= limit
    except (ReadingError, RuntimeError):  # the latter: a CUDA that does not even start
        return False


def _is_out_of_memory(error: BaseException, root: Path) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if not isinstance(error, RuntimeError):
        return False
    if NO_HANDLE.search(str(error)):
        return has_unified_memory(root)
    return NO_MEMORY.search(str(error)) is not None
