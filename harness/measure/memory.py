"""Counts the bytes alive in tensor storages, and reads CUDA's own allocator beside it.

The definition (docs/numbers.md): peak memory is the most bytes alive at once in tensor storages
on the device, each storage rounded up to 512 bytes, as CUDA's caching allocator rounds. A dispatch
mode sees the outputs of every operation, those of the backward pass included, and a weak reference
to each storage tells when it dies. No allocator is asked, so that a laptop, a GPU and a device that
is only emulated mean the same thing by a megabyte.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from harness.measure.dispatch import OperationMode, outside_modes, schema_of, storage_address
from harness.metrics import MIB

__all__ = [
    "BLOCK_BYTES",
    "MIB",
    "AllocatorPeaks",
    "EmulatedOutOfMemoryError",
    "MemoryCounter",
    "makes_storage",
]

BLOCK_BYTES = 512


class EmulatedOutOfMemoryError(torch.OutOfMemoryError):
    """What torch would raise on the device: more bytes would be alive than its limit allows.

    Attributes:
        needed_bytes: what would have been alive with the tensor that did not fit.
        limit_bytes: what the device has.
    """

    def __init__(self, needed_bytes: int, limit_bytes: int) -> None:
        """Compose the sentence from both figures."""
        self.needed_bytes, self.limit_bytes = needed_bytes, limit_bytes
        super().__init__(
            f"tensors would need at least {needed_bytes / MIB:,.1f} MiB at once, "
            f"the limit is {limit_bytes / MIB:,.1f} MiB"
        )


def makes_storage(func: Any) -> bool:
    """Return whether an operation can make or resize a storage; views and most updates cannot.

    Its schema marks outputs that share an input's storage; `lift_fresh` shares one that was made
    unseen, of Python numbers.
    """
    schema = schema_of(func)
    shares = bool(schema.returns) and all(each.alias_info is not None for each in schema.returns)
    return not shares or any(word in schema.name for word in ("resize", "set_", "lift"))


def _rounded_bytes(size: int) -> int:
    """Round a storage's size in bytes up to whole blocks of 512 bytes."""
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


class MemoryCounter(OperationMode):  # type: ignore[no-untyped-call] # as its base
    """Counts live storages of one or more device types while it is entered.

    Storages that were made before, or that no operation made (a NumPy array's), are counted once
    they are shown to `watch`. A tensor that takes the count above `limit_bytes` raises
    `EmulatedOutOfMemoryError`, and does not count towards the peak: on the device it would never
    have been allocated.

    Attributes:
        live_bytes: bytes alive now.
        peak_bytes: the most bytes alive at once since the start or the last `reset_peak`.
        refused_bytes: the largest count that the limit refused; 0 if it never did.
    """

    def __init__(self, *device_types: str, limit_bytes: int | None = None) -> None:
        """Count storages on `device_types`, by default the CPU, up to `limit_bytes` if given."""
        super().__init__()
        self.device_types = device_types or ("cpu",)
        self.limit_bytes = limit_bytes
        self.live_bytes = 0
        self.peak_bytes = 0
        self.refused_bytes = 0
        # What is known of each operation and each device, since both are asked about every time.
        self._makes_storage: dict[Any, bool] = {}
        self._is_counted: dict[torch.device, bool] = {}
        # Storage address -> (weak reference, rounded size). Holding the reference keeps its
        # callback alive; the address is free for reuse only after the callback has run.
        self._storages: dict[int, tuple[weakref.ref[torch.UntypedStorage], int]] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run the operation, then count what it made."""
        result = func(*args, **kwargs) if kwargs else func(*args)
        self.account(func, result)
        return result

    def account(self, func: Any, result: Any) -> None:
        """Count what an operation has made."""
        makes = self._makes_storage.get(func)
        if makes is None:
            makes = self._makes_storage[func] = makes_storage(func)
        if makes:
            if isinstance(result, torch.Tensor):
                self._count(result)
            elif isinstance(result, (tuple, list)):
                self.watch(result)

    def watch(self, tensors: Iterable[Any]) -> None:
        """Count the storages of `tensors` until they die; other objects are ignored."""
        for tensor in tensors:
            if isinstance(tensor, torch.Tensor):
                self._count(tensor)
            elif isinstance(tensor, (tuple, list)):
                self.watch(tensor)

    def reset_peak(self) -> None:
        """Restart the peak from what is alive now."""
        self.peak_bytes = self.live_bytes

    def raise_peak(self, peak_bytes: int) -> None:
        """Take the peak to `peak_bytes`, unless it is higher: so much is known to be alive."""
        self.peak_bytes = max(self.peak_bytes, peak_bytes)

    def living(self) -> frozenset[int]:
        """Return the addresses of the storages that are alive."""
        return frozenset(self._storages)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count what happens inside: it is the harness's work, not the method's."""
        with outside_modes():
            yield

    def _count(self, tensor: torch.Tensor) -> None:
        device = tensor.device
        is_counted = self._is_counted.get(device)
        if is_counted is None:
            is_counted = self._is_counted[device] = device.type in self.device_types
        if not is_counted:
            return
        storage = tensor.untyped_storage()
        address = storage_address(storage)
        known = self._storages.get(address)
        size = _rounded_bytes(storage.nbytes())
        if known is None:
            self._add(storage, address, size)
        elif known[1] != size:  # the storage was resized in place
            self._forget(address, known[1])
            self._add(storage, address, size)

    def _add(self, storage: torch.UntypedStorage, address: int, size: int) -> None:
        def forget(_: weakref.ref[torch.UntypedStorage]) -> None:
            self._forget(address, size)

        self._storages[address] = (weakref.ref(storage, forget), size)
        self.live_bytes += size
        if self.limit_bytes is not None and self.live_bytes > self.limit_bytes:
            self.refused_bytes = max(self.refused_bytes, self.live_bytes)
            raise EmulatedOutOfMemoryError(self.live_bytes, self.limit_bytes)
        if self.live_bytes > self.peak_bytes:  # noqa: PLR1730 - `max` takes three times as long
            self.peak_bytes = self.live_bytes

    def _forget(self, address: int, size: int) -> None:
        if self._storages.pop(address, None) is not None:
            self.live_bytes -= size


class AllocatorPeaks:
    """Peaks over the blocks that were measured; nothing in between counts.

    Attributes:
        allocated_bytes: the most that was given to tensors at once; None before the first block.
        reserved_bytes: the most that was held, blocks kept for later use included.
    """

    def __init__(self, device: torch.device) -> None:
        """Read the allocator of a CUDA device."""
        self._device = device
        self.allocated_bytes: int | None = None
        self.reserved_bytes: int | None = None

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure a block, also when it raises."""
        torch.cuda.reset_peak_memory_stats(self._device)
        try:
            yield
        finally:
            allocated = torch.cuda.max_memory_allocated(self._device)
            reserved = torch.cuda.max_memory_reserved(self._device)
            self.allocated_bytes = max(self.allocated_bytes or 0, allocated)
            self.reserved_bytes = max(self.reserved_bytes or 0, reserved)
