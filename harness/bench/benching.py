"""Benchmarks of many methods: those of one setting in turns, so that their ratios are fair."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence

import torch

from harness.bench.stepping import Stepper, counted_mib
from harness.contracts import Device
from harness.plugins.loading import Plugins, in_one_line
from harness.plugins.selection import recreate
from harness.results.bench import BenchRow
from harness.runtime.seeding import INITIAL_WEIGHTS, seed_generators
from harness.runtime.threads import choose_threads
from harness.tracing.search import Search
from harness.tracing.workload import workload_of

__all__ = ["bench_all"]


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
        say: is told what is being done.

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
        """Do something; a method that fails fails alone."""
        if self.error:
            return
        try:
            work()
        except Exception as error:
            self.error, self.stepper = in_one_line(error), None

    def count(self) -> None:
        seed_generators(self.search.seed, INITIAL_WEIGHTS)
        self.peak_mib = counted_mib(self.workload, self.device)

    def begin(self) -> None:
        seed_generators(self.search.seed, INITIAL_WEIGHTS)
        self.stepper = Stepper(self.workload, self.device)
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
            setting=str(search.setting),
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
        say(f"{_named(bench)}: first step")
        bench.guarded(bench.begin)
    for number in range(rounds):
        say(f"{search.dataset} ({search.setting}): round {number + 1} of {rounds}")
        for bench in benches:
            bench.guarded(bench.step)
    for bench in benches:
        bench.stepper = None  # its weights are not to live beside what is counted next
    gc.collect()
    for bench in benches:
        say(f"{_named(bench)}: memory")
        bench.guarded(bench.count)


def _named(bench: _Bench) -> str:
    return f"{bench.search.label} on {bench.search.dataset} ({bench.search.setting})"
