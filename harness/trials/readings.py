"""What the machine tells about itself while a trial runs on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from harness.contracts import Device, DeviceMode, ReadsMetrics
from harness.devices.readings.energy import find_energy_source
from harness.devices.readings.linux import MemoryLow, ReadingError, Tree, has_unified_memory
from harness.devices.readings.meter import Meter
from harness.devices.readings.probe import machine_state
from harness.measure.memory import AllocatorPeaks

__all__ = ["TrialReadings"]


class TrialReadings:
    """Reads energy, memory, clocks and temperatures for one trial on the device itself.

    On an emulated device nothing is read: this machine's numbers are not the device's.
    """

    def __init__(self, mode: DeviceMode, root: Path = Path("/")) -> None:
        """Take what the machine is like now as the trial's start."""
        self._measured, self._tree = mode == "measured", Tree(root)
        # On a board that does nothing else the fall of the whole machine's memory is the trial's.
        on_board = self._measured and has_unified_memory(root)
        self._memory = MemoryLow(self._tree) if on_board else None
        self._start = self._state()
        self._allocator: AllocatorPeaks | None = None
        self._meter: Meter | None = None
        self._energy_j: dict[int, float | None] = {}
        self._energy_source = self._no_energy = ""
        self._own: ReadsMetrics | None = None

    def read_from(self, device: Device) -> None:
        """Have a device read numbers of its own, too, if it is this machine and reads any."""
        if self._measured and isinstance(device, ReadsMetrics):
            self._own = device

    def metrics(self) -> Mapping[str, float]:
        """Return what the device itself has read, by the metric's name."""
        return self._own.metrics() if self._own else {}

    @property
    def reads_energy(self) -> bool:
        """Whether something here tells energy, found out at the first search step."""
        return bool(self._energy_source)

    @contextmanager
    def measuring(self, task: int, device: torch.device) -> Iterator[None]:
        """Measure a search step of a task on `device`, also when it raises."""
        if not self._measured:
            yield
            return
        meter = self._meter = self._meter or self._make_meter(device)
        if device.type == "cuda" and self._allocator is None:
            self._allocator = AllocatorPeaks(device)
        try:
            with ExitStack() as every:
                every.enter_context(meter.measuring())
                if self._allocator:
                    every.enter_context(self._allocator.measuring())
                if self._own:
                    every.enter_context(self._own.measuring())
                yield
        finally:
            self._energy_j[task] = _sum(self._energy_j.get(task, 0.0), meter.block_j)

    def paused(self) -> AbstractContextManager[None]:
        """Leave out the reading of images within a search step."""
        return nullcontext() if self._meter is None else self._meter.paused()

    def energy_j(self, task: int) -> float | None:
        """Return the joules of a task's search steps; None where they could not be read."""
        return self._energy_j.get(task)

    def memory_bytes(self) -> dict[str, int]:
        """Return what was read of memory over the search steps, by the metric's name, in bytes."""
        found: dict[str, int | None] = {}
        if self._allocator is not None:
            found["allocator_peak"] = self._allocator.allocated_bytes
            found["reserved_peak"] = self._allocator.reserved_bytes
        if self._memory is not None:
            found["board_memory"] = self._memory.fall_bytes
            found["swap_used"] = self._memory.swap_growth_bytes
        return {name: size for name, size in found.items() if size is not None}

    def environment(self) -> dict[str, Any]:
        """Return JSON values for the record: what the machine was like at the start, and is now.

        What could not be read is left out; a note says why where a metric is missing for it.
        """
        notes = {
            "energy": self._no_energy or (self._meter.note if self._meter else ""),
            "board_memory": self._memory.note if self._memory else "",
        }
        parts = {
            "machine_at_start": self._start,
            "machine_at_end": self._state(),
            "energy_source": self._energy_source,
            "missing_readings": {name: note for name, note in notes.items() if note},
        }
        return {name: part for name, part in parts.items() if part}

    def _make_meter(self, device: torch.device) -> Meter:
        try:
            energy = find_energy_source(self._tree, device)
        except ReadingError as error:
            self._no_energy = str(error)
            return Meter(None, self._memory)
        self._energy_source = energy.source
        return Meter(energy, self._memory)

    def _state(self) -> dict[str, dict[str, Any]]:
        readings = machine_state(self._tree) if self._measured else []
        return {
            reading.name: {"value": reading.value, "unit": reading.unit}
            for reading in readings
            if reading.value is not None
        }


def _sum(first: float | None, second: float | None) -> float | None:
    """Add; what lacks a part is not known."""
    return None if first is None or second is None else first + second
