"""Reads energy, memory, clocks and temperatures of the machine while a trial runs on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from harness.contracts import Device, DeviceMode, ReadsMetrics
from harness.devices.readings.energy import EnergySource, find_energy_source
from harness.devices.readings.linux import MemoryLow, ReadingError, Tree, has_unified_memory
from harness.devices.readings.probe import machine_state
from harness.measure.memory import AllocatorPeaks

__all__ = ["Meter", "PausingClock", "TrialReadings", "sampling"]

PERIOD_S = 0.1


@contextmanager
def sampling(look: Callable[[], object], period_s: float = PERIOD_S) -> Iterator[None]:
    """Call `look` every `period_s` seconds in a thread while the block runs.

    The thread has ended when the block has, also when it raises.
    """
    done = threading.Event()

    def run() -> None:
        while not done.wait(period_s):
            look()

    thread = threading.Thread(target=run, name="readings", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


Clock = Callable[[], float]


class PausingClock:
    """Seconds that were not spent in a pause; one thread pauses it, another may read it."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        """Start running."""
        self._clock = clock
        # Replaced as one, so that a reader never sees half of a change: the seconds of earlier
        # pauses, and when the present one began.
        self._pauses: tuple[float, float | None] = (0.0, None)

    def seconds(self) -> float:
        """Return the seconds on the clock, less those of pauses."""
        paused_s, since = self._pauses
        return (self._clock() if since is None else since) - paused_s

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock during a block."""
        paused_s, started = self._pauses[0], self._clock()
        self._pauses = (paused_s, started)
        try:
            yield
        finally:
            self._pauses = (paused_s + self._clock() - started, None)


class Meter:
    """Adds up the joules of blocks, reading ten times a second, and watches memory meanwhile.

    Of the joules between two readings, a pause takes the share of its time. Sensors report means
    over tenths of a second, so reading them at both ends of each short pause would gain nothing.

    Attributes:
        block_j: the joules of the last block; None if they could not be read.
        note: why the joules of some block could not be read; empty otherwise.
    """

    def __init__(
        self,
        energy: EnergySource | None,
        memory: MemoryLow | None,
        clock: Clock = time.perf_counter,
        period_s: float = PERIOD_S,
    ) -> None:
        """Measure what can be read; `clock` returns seconds."""
        self._energy, self._memory = energy, memory
        self._clock, self._period_s = clock, period_s
        self._working = PausingClock(clock)
        self.block_j: float | None = None
        self.note = ""
        self._joules: float | None = None  # of this block; None once a reading was lost for good
        self._trouble = ""  # why the last reading failed; a later one may still succeed
        self._last = (0.0, 0.0, 0.0)  # the last reading: seconds on both clocks, and its value

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure a block, also when it raises; no thread is started where nothing is read."""
        self.block_j = None
        if self._energy is None and self._memory is None:
            yield
            return
        self._start()
        try:
            with sampling(self._look, self._period_s):
                yield
        finally:
            self.block_j = self._joules if self._look() else None
            if self.block_j is None:
                self.note = self._trouble

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out what happens in a block within a measured one."""
        with self._working.paused():
            yield

    def _start(self) -> None:
        self._joules = None
        if self._memory is not None:
            self._memory.sample()
        if self._energy is not None:
            try:
                self._last = self._read(self._energy)
                self._joules = 0.0
            except ReadingError as error:
                self._trouble = f"{self._energy.source}: {error}"

    def _look(self) -> bool:
        """Read everything; return whether energy could be read. A failed reading may be retried."""
        if self._memory is not None:
            self._memory.sample()
        if self._energy is None or self._joules is None:
            return False
        try:
            self._add(self._energy)
        except ReadingError as error:
            self._trouble = f"{self._energy.source}: {error}"
            return False
        return True

    def _add(self, energy: EnergySource) -> None:
        """Add the joules since the last reading, less the share of the time that was paused."""
        then, worked, first = self._last
        self._last = now, working, second = self._read(energy)
        seconds = now - then
        if seconds > energy.longest_gap_s:
            self._trouble = f"{energy.source}: no reading for {seconds:.1f} s"
            self._joules = None
        elif energy.counts and second < first:
            self._trouble = f"{energy.source}: the counter fell"
            self._joules = None
        elif seconds > 0 and self._joules is not None:
            share = (working - worked) / seconds
            self._joules += energy.joules(first, second, seconds) * share

    def _read(self, energy: EnergySource) -> tuple[float, float, float]:
        value = energy.read()
        return self._clock(), self._working.seconds(), value


class TrialReadings:
    """Reads energy, memory, clocks and temperatures for one trial on the device itself.

    On an emulated device nothing is read: this machine's numbers are not the device's.
    """

    def __init__(self, mode: DeviceMode, root: Path = Path("/")) -> None:
        """Read the machine's state at the trial's start."""
        self._measured, self._tree = mode == "measured", Tree(root)
        # A board does nothing else, so a fall in the whole machine's free memory is the trial's.
        on_board = self._measured and has_unified_memory(root)
        self._memory = MemoryLow(self._tree) if on_board else None
        self._start = self._state()
        self._allocator: AllocatorPeaks | None = None
        self._meter: Meter | None = None
        self._energy_j: dict[int, float | None] = {}
        self._energy_source = self._no_energy = ""
        self._own: ReadsMetrics | None = None

    def read_from(self, device: Device) -> None:
        """Read a device's own metrics as well, if it is this machine and has any."""
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
        """Return JSON values for the record: the machine's state at the start and now.

        What could not be read is left out. If a metric is missing because of that, a note says why.
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
    """Add two numbers; None if either is missing."""
    return None if first is None or second is None else first + second
