"""Benchmarks of search steps on noise: methods of one setting in turns, so that ratios are fair."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import torch

from harness.contracts import Batch, Device, SearchBatch, SearchMethod
from harness.experiment.setting import conditions_of
from harness.loop.episode import MethodDriver, search_steps
from harness.measure import Stopwatch
from harness.measure.memory import MemoryCounter
from harness.metrics import MIB
from harness.plugins.loading import Plugins, in_one_line
from harness.plugins.selection import recreate
from harness.results.costs import BenchRow
from harness.runtime.determinism import choose_threads
from harness.tracing.search import Search
from harness.tracing.workload import Workload, workload_of

__all__ = ["Stepper", "bench_all", "counted_mib"]

ENDLESS = 10**6  # steps that a method expects: the last step, which does more, never comes
COUNTED_STEPS = 3  # the first makes the optimizers' state, and methods may look one or two back


def bench_all(
    plugins: Plugins,
    searches: Sequence[Search],
    device: tuple[str, Device],
    rounds: int,
    say: Callable[[str], None],
) -> list[BenchRow]:
    """Measure a search step of each search.

    A machine does not stay equally fast. So the methods of one setting make their steps in turns,
    round after round, and what is compared are steps of one round.

    Args:
        plugins: where the methods come from.
        searches: what to measure; only their shapes and methods matter.
        device: its name, and the device, which is this machine.
        rounds: warm steps of each.
        say: called with what is being done.

    Returns:
        A row for each search, in their order. One that failed has its `error` set.
    """
    benches = [_Bench(plugins, search, device) for search in searches]
    settings: dict[tuple[str, str, int], list[_Bench]] = {}
    for bench in benches:
        posed = bench.search.dataset, str(bench.search.setting), bench.search.channels
        settings.setdefault(posed, []).append(bench)
    for members in settings.values():
        _measure(members, rounds, say)
    return [bench.row() for bench in benches]


class _Bench:
    """One search, and what is known of its steps so far."""

    def __init__(self, plugins: Plugins, search: Search, device: tuple[str, Device]) -> None:
        self.search = search
        self.version = recreate(plugins, "method", search.method, search.params).entry.version
        self.workload = workload_of(plugins, search)
        self.device_name, self.device = device[0], torch.device(device[1].torch_device())
        self.stepper: Stepper | None = None
        self.steps: list[float] = []
        self.peak_mib: float | None = None
        self.first_s: float | None = None
        self.error = ""

    def guarded(self, work: Callable[[], None]) -> None:
        """Do a piece of work; a failure ends this benchmark, and no other."""
        if self.error:
            return
        try:
            work()
        except Exception as error:
            self.error, self.stepper = in_one_line(error), None

    def count(self) -> None:
        self.peak_mib = counted_mib(self.workload, self.device, self.search.seed)

    def begin(self) -> None:
        self.stepper = Stepper(self.workload, self.device, self.search.seed)
        self.first_s = self.stepper.first_s

    def step(self) -> None:
        if self.stepper is not None:
            self.steps.append(self.stepper.step())

    def row(self) -> BenchRow:
        search = self.search
        return BenchRow(
            method=search.label,
            version=self.version,
            dataset=search.dataset,
            setting=search.setting.name,
            conditions=conditions_of(search.setting.recipe, space=search.space.name),
            channels=search.channels,
            images=sum(size * count for size, count in self.workload.batch_sizes.items()),
            device=self.device_name,
            first_step_s=None if self.error else self.first_s,
            step_s=() if self.error else tuple(self.steps),
            peak_memory_mib=None if self.error else self.peak_mib,
            error=self.error,
        )


def _measure(benches: Sequence[_Bench], rounds: int, say: Callable[[str], None]) -> None:
    search = benches[0].search
    choose_threads(search.setting.batch_size, search.form.image_shape, search.channels)
    for bench in benches:
        say(f"{bench.search}: first step")
        bench.guarded(bench.begin)
    for number in range(rounds):
        say(f"{search.dataset} ({search.setting}): round {number + 1} of {rounds}")
        for bench in benches:
            bench.guarded(bench.step)
    for bench in benches:
        bench.stepper = None  # its weights are not to live beside what is counted next
    gc.collect()
    for bench in benches:
        say(f"{bench.search}: memory")
        bench.guarded(bench.count)


class Stepper:
    """Makes search steps of a method, one at each call, and times each.

    Attributes:
        first_s: seconds of the first step, in which memory is touched for the first time.
    """

    def __init__(self, workload: Workload, device: torch.device, seed: int = 0) -> None:
        """Build the method on `device`, with weights of a seed, and make the first step."""
        context = replace(workload.context, steps=ENDLESS, device=device)
        self._driver = TimingDriver(seed, device)
        self._steps = search_steps(
            self._driver, workload.create(), context, lambda _: list(_batches(workload, device))
        )
        self.first_s = self.step()

    def step(self) -> float:
        """Make a search step, and return how many seconds it took."""
        next(self._steps)
        return self._driver.seconds


class TimingDriver(MethodDriver):
    """Times each search step.

    Attributes:
        seconds: that the last one took.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        """Time calls that compute on `device`."""
        super().__init__(seed)
        self._device, self.seconds = device, 0.0

    def search_step(self, method: SearchMethod, batches: Iterable[SearchBatch], step: int) -> None:  # noqa: ARG002 - timed alike
        """Have a search step done."""
        watch = Stopwatch(self._device)
        with watch.running():
            method.search_step(batches)
        self.seconds = watch.seconds


def counted_mib(workload: Workload, device: torch.device, seed: int = 0) -> float:
    """Return the peak memory of a method's first steps, in MiB, everything included."""
    with MemoryCounter(device.type) as counter:
        stepper = Stepper(workload, device, seed)
        for _ in range(COUNTED_STEPS - 1):
            stepper.step()
    peak_bytes: int = counter.peak_bytes
    return peak_bytes / MIB


def _batches(workload: Workload, device: torch.device) -> Iterator[SearchBatch]:
    for size, count in workload.batch_sizes.items():
        for _ in range(count):
            weights = _batch(workload, size, device)
            other = _batch(workload, size, device) if workload.halves else weights
            yield SearchBatch(weights=weights, architecture=other)


def _batch(workload: Workload, size: int, device: torch.device) -> Batch:
    """Return noise (size, channels, height, width), and labels that count up the classes."""
    context = workload.context
    images = torch.randn(size, *context.image_shape, generator=torch.Generator().manual_seed(size))
    labels = torch.arange(size) % context.classes
    return Batch(images.to(device), labels.to(device))
