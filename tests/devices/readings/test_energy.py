"""Joules over blocks: from power, from counters, with pauses, and where they get lost."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from harness.devices.readings.energy import EnergySource, find_energy_source
from harness.devices.readings.linux import ReadingError, Tree
from harness.trials.readings import Meter, PausingClock, sampling

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
NEVER_S = 3600.0  # between samples: only both ends of a block are looked at


class Bench:
    """A clock that a test sets, and a sensor that answers as the test says."""

    def __init__(self) -> None:
        self.now = 100.0
        self.value: float | str = 0.0

    def clock(self) -> float:
        return self.now

    def read(self) -> float:
        if isinstance(self.value, str):
            raise ReadingError(self.value)
        return self.value

    def meter(self, *, counts: bool) -> Meter:
        source = EnergySource(self.read, counts, "sensor")
        return Meter(source, None, self.clock, NEVER_S)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_power_is_integrated_by_the_trapezoid(bench: Bench) -> None:
    """Power that rises from 2 W to 6 W in 1.5 s took 6 J."""
    meter = bench.meter(counts=False)
    bench.value = 2.0
    with meter.measuring():
        bench.now += 1.5
        bench.value = 6.0
    assert meter.block_j == pytest.approx(6.0)


def test_a_counter_that_falls_is_a_missing_value(bench: Bench) -> None:
    """A driver that was loaded anew counts from zero: what lies between is not known."""
    meter = bench.meter(counts=True)
    bench.value = 1e9
    with meter.measuring():
        bench.now += 1.0
        bench.value = 5.0
    assert meter.block_j is None
    assert meter.note == "sensor: the counter fell"


def test_a_counter_is_subtracted(bench: Bench) -> None:
    """A counter is exact however long the block was, and whatever it began with."""
    meter = bench.meter(counts=True)
    bench.value = 1e9
    with meter.measuring():
        bench.now += 1000
        bench.value = 1e9 + 25
    assert meter.block_j == 25.0


@pytest.mark.parametrize("counts", [False, True])
def test_pauses_are_left_out(bench: Bench, counts: bool) -> None:
    """Of 2 s with 10 J, a pause of half a second takes a quarter."""
    meter = bench.meter(counts=counts)
    bench.value = 0.0 if counts else 5.0
    with meter.measuring():
        bench.now += 1.0
        with meter.paused():
            bench.now += 0.5
        bench.now += 0.5
        bench.value = 10.0 if counts else 5.0
    assert meter.block_j == pytest.approx(7.5)


def test_what_lies_between_blocks_does_not_count(bench: Bench) -> None:
    """Each block starts anew: an hour between two of them is nobody's."""
    meter = bench.meter(counts=True)
    for expected in (3.0, 4.0):
        with meter.measuring():
            bench.now, bench.value = bench.now + 1, float(bench.value) + expected
        assert meter.block_j == expected
        bench.now, bench.value = bench.now + 3600, float(bench.value) + 1e6


def test_a_hole_in_the_samples_loses_the_energy(bench: Bench) -> None:
    """Power that was not looked at for seconds is not made up."""
    meter = bench.meter(counts=False)
    bench.value = 5.0
    with meter.measuring():
        bench.now += 3.0
    assert meter.block_j is None
    assert meter.note == "sensor: no reading for 3.0 s"


@pytest.mark.parametrize("breaks", ["before", "within"])
def test_an_unreadable_sensor_loses_the_energy(bench: Bench, breaks: str) -> None:
    """A sensor that fails at either end of a block leaves null and a note, never a part."""
    meter = bench.meter(counts=False)
    bench.value = "gone" if breaks == "before" else 5.0
    with meter.measuring():
        bench.now += 1.0
        bench.value = 5.0 if breaks == "before" else "gone"
    assert meter.block_j is None
    assert meter.note == "sensor: gone"
    bench.value = 5.0
    with meter.measuring():
        bench.now += 1.0
    assert meter.block_j == pytest.approx(5.0)


def test_one_failed_sample_is_bridged(bench: Bench) -> None:
    """A sensor that was busy once is asked again a tenth of a second later."""
    failed = threading.Event()
    answers: Iterator[float | str] = iter([4.0, "busy"])

    def read() -> float:
        bench.value = next(answers, 4.0)
        if bench.value == "busy":
            failed.set()
        return bench.read()

    meter = Meter(EnergySource(read, False, "sensor"), None, bench.clock, 0.001)
    with meter.measuring():
        assert failed.wait(10)
        bench.now += 1.0
    assert meter.block_j == pytest.approx(4.0)
    assert meter.note == ""


def test_a_block_that_raises_is_measured(bench: Bench) -> None:
    """A search step that runs out of memory has used its energy, and leaves no thread."""
    meter = bench.meter(counts=True)

    def fail() -> None:
        bench.now, bench.value = bench.now + 1, 8.0
        raise MemoryError

    with pytest.raises(MemoryError), meter.measuring():
        fail()
    assert meter.block_j == 8.0
    assert "readings" not in [thread.name for thread in threading.enumerate()]


def test_without_sensors_no_thread_is_started() -> None:
    """Where there is nothing to sample, nothing samples."""
    meter = Meter(None, None)
    with meter.measuring():
        assert "readings" not in [thread.name for thread in threading.enumerate()]
    assert meter.block_j is None
    assert meter.note == ""


def test_samples_are_taken_beside_the_block() -> None:
    """The look is repeated while the block runs, and never once it has ended."""
    looks: list[float] = []
    enough = threading.Event()

    def look() -> None:
        looks.append(time.monotonic())
        if len(looks) == 3:
            enough.set()

    with sampling(look, 0.001):
        assert enough.wait(10)
    count = len(looks)
    time.sleep(0.02)
    assert len(looks) == count


def test_a_pausing_clock_stands_still() -> None:
    """Read within a pause, it shows when the pause began; after it, the time that ran."""
    bench = Bench()
    clock = PausingClock(bench.clock)
    start = clock.seconds()
    bench.now += 2
    with clock.paused():
        bench.now += 5
        assert clock.seconds() - start == 2
    bench.now += 1
    assert clock.seconds() - start == 3


def test_a_boards_energy_is_its_input_rails(board: Path) -> None:
    """Whether the trial computes on its processor or on its GPU."""
    for device in (CPU, CUDA):
        source = find_energy_source(Tree(board), device)
        assert not source.counts
        assert source.longest_gap_s < math.inf
        assert "ina3221" in source.source


def test_a_board_without_a_monitor_has_no_energy(nano: Path) -> None:
    """As the Nano's 2 GB kit; the note says what was looked for."""
    for path in nano.rglob("rail_name_*"):
        path.unlink()
    with pytest.raises(ReadingError, match="no INA3221 power monitor"):
        find_energy_source(Tree(nano), CUDA)
