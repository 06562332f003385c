"""Every form in which memory runs out ends a trial as a row, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.devices.profile import DeviceProfile, MemoryProfile
from harness.experiment.trial import DeviceIdentity
from harness.loop.guards import BudgetExceededError, NotFiniteError, machine_suffices, status_of
from harness.measure.memory import EmulatedOutOfMemoryError

OUT_OF_MEMORY = [
    EmulatedOutOfMemoryError(2000, 1000),
    torch.OutOfMemoryError("Allocation on device"),
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 1.93 GiB total)"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError(
        'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "/opt/pytorch/c10/cuda/CUDACachingAllocator.'
        'cpp":838, please report a bug to PyTorch. '
    ),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 4398046511104 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes."),
    RuntimeError("std::bad_alloc"),
    MemoryError(),
]

ERRORS = [
    RuntimeError("CUDA error: device-side assert triggered"),
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    RuntimeError('x INTERNAL ASSERT FAILED at "/c10/cuda/CUDACachingAllocator.cpp":1, report it'),
    RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
    RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
    ValueError("out of memory"),
    NotFiniteError("the loss became nan"),
]


def named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:50]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=named)
def test_running_out_of_memory_is_a_result(error: BaseException, tmp_path: Path) -> None:
    """The device did not hold it; or the budget did not, where that is the smaller limit."""
    assert status_of(error, budget_binds=False, root=tmp_path) == "out_of_memory"
    assert status_of(error, budget_binds=True, root=tmp_path) == "over_budget"


@pytest.mark.parametrize("error", ERRORS, ids=named)
def test_other_failures_are_errors(error: BaseException, tmp_path: Path) -> None:
    """A mistake is not to be printed as X, the sign of what does not fit."""
    assert status_of(error, budget_binds=False, root=tmp_path) == "error"


@pytest.mark.parametrize("library", ["cuDNN error: CUDNN", "CUDA error: CUBLAS"])
def test_a_board_without_room_for_a_library_is_out_of_memory(library: str, tmp_path: Path) -> None:
    """On a Jetson the libraries' handles are what no longer fits; elsewhere they are broken."""
    error = RuntimeError(f"{library}_STATUS_NOT_INITIALIZED")
    compatible = tmp_path / "proc/device-tree/compatible"
    compatible.parent.mkdir(parents=True)
    compatible.write_text("nvidia,jetson-nano\0nvidia,tegra210\0")
    assert status_of(error, budget_binds=False, root=tmp_path) == "out_of_memory"


def test_a_used_up_budget_is_over_budget() -> None:
    """Whatever the machine has."""
    error = BudgetExceededError("the budget's wall_clock_s=1 is used up")
    assert status_of(error, budget_binds=False) == "over_budget"


def device(mode: str, limit: int | None) -> DeviceIdentity:
    """A device with so many bytes for tensors."""
    memory = None
    if limit is not None:
        memory = MemoryProfile(total_bytes=limit, system_bytes=0, reserved_bytes=0)
    sources = {
        f"memory.{key}": "a test" for key in ("total_bytes", "system_bytes", "reserved_bytes")
    }
    profile = DeviceProfile(
        name="d", model="m", kind="cpu", memory=memory, sources=sources if memory else {}
    )
    return DeviceIdentity.model_validate(
        {"name": "d", "params": {}, "mode": mode, "profile": profile}
    )


def test_a_small_machine_does_not_judge_a_large_device(tmp_path: Path) -> None:
    """With 4 GiB here, running out of them says nothing about a device of 24 GiB."""
    meminfo = tmp_path / "proc/meminfo"
    meminfo.parent.mkdir()
    meminfo.write_text("MemTotal: 4194304 kB\n")
    gib, cpu = 2**30, torch.device("cpu")
    assert machine_suffices(device("emulated", gib), cpu, tmp_path)
    assert not machine_suffices(device("emulated", 24 * gib), cpu, tmp_path)
    assert machine_suffices(device("measured", 24 * gib), cpu, tmp_path)
    assert machine_suffices(device("emulated", None), cpu, tmp_path)
    assert not machine_suffices(device("emulated", gib), cpu, tmp_path / "nowhere")
    lack = MemoryError()
    assert status_of(lack, budget_binds=False, suffices=False) == "error"
    own = EmulatedOutOfMemoryError(2, 1)
    assert status_of(own, budget_binds=False, suffices=False) == "out_of_memory"
