"""Says what an exception means for a trial: did not fit, over budget, or an error of the method."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from harness.devices.readings.machine import ReadingError, Tree, has_unified_memory
from harness.devices.readings.memory import memory_entry
from harness.experiment.trial import DeviceIdentity
from harness.measure.memory import EmulatedOutOfMemoryError
from harness.results.record import Status
from harness.trials.limits import BudgetExceededError

__all__ = ["machine_suffices", "status_of"]

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


def status_of(
    error: BaseException, *, budget_binds: bool, suffices: bool = True, root: Path = Path("/")
) -> Status:
    """Return the status that a trial ends with when `error` ended it.

    Args:
        error: what was raised.
        budget_binds: the budget's memory limit, not the device's, was the smaller one.
        suffices: what this machine lacks the device would lack, too; see `machine_suffices`.
        root: of the files that tell what this machine is.
    """
    if isinstance(error, BudgetExceededError):
        return "over_budget"
    is_devices = isinstance(error, EmulatedOutOfMemoryError)
    if is_devices or (suffices and _is_out_of_memory(error, root)):
        return "over_budget" if budget_binds else "out_of_memory"
    return "error"


def machine_suffices(device: DeviceIdentity, here: torch.device, root: Path = Path("/")) -> bool:
    """Say whether a device would lack memory where this machine does.

    An emulated device can have more memory than the machine that stands in for it.

    Args:
        device: the trial's.
        here: what computes.
        root: of the files that tell what this machine has.
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
