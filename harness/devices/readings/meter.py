"""Measures blocks of work: the joules they take, and how low memory goes meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.devices.readings.energy import EnergySource
from harness.devices.readings.linux import MemoryLow, ReadingError

__all__ = ["Meter", "PausingClock", "sampling"]

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
        """Return a time that stands still in pauses."""
        paused_s, since = self._pauses
        return (self._clock() if since is None else since) - paused_s

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stand still during a block."""
        paused_s, started = self._pauses[0], self._clock()
        self._pauses = (paused_s, started)
        try:
            yield
        finally:
            self._pauses = (paused_s + self._clock() - started, None)


class Meter:
    """Adds up joules over blocks, ten times a second; a pause counts in proportion to its time.

    Sensors answer with means over tenths of a second, so there is nothing to be gained by asking
    them at both ends of each short pause.

    Attributes:
        block_j: the joules of the last block; None if they could not be read.
        note: why those of some block could not; empty otherwise.
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
        self._joules: float | None = None  # of the block under way; None once they are lost
        self._trouble = ""  # of the block under way, which a later look may make good
        self._last = (0.0, 0.0, 0.0)  # the last look: when, on both clocks, and what was read

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
        """Read everything; return whether the energy could be read, which may be retried."""
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
