"""The calls that say what searches take, from shapes or measured, and what they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.arguments import (
    Names,
    path_of,
    plugins_here,
    request_fields,
    say_on_stderr,
    teller,
)
from harness.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.estimates.estimates import Estimate
    from harness.planning.plan import PlanRequest
    from harness.plugins.loading import Plugins
    from harness.results.costs import BenchRow, EstimateRow, SavedBench

__all__ = [
    "Benchmark",
    "Estimates",
    "bench",
    "bench_searches",
    "estimate",
    "estimate_searches",
]


@dataclass(frozen=True)
class Estimates:
    """What searches would cost, from shapes alone: everything in it is predicted.

    Attributes:
        rows: a row for each method and setting, with what each device makes of it.
        suite: that they were asked for by, if it was one.
        dataset_map: for a data set of the suite, what stood in for it.
    """

    rows: tuple[EstimateRow, ...]
    suite: str | None = None
    dataset_map: Mapping[str, str] = field(default_factory=dict)

    def save(self, folder: str | Path) -> Path:
        """Write the estimates into a folder, for `harness.load`, and return the file's path.

        Raises:
            RunFolderError: it cannot be written.
        """
        from harness.results.costs import save_estimate  # noqa: PLC0415 - imports pydantic

        return save_estimate(path_of(folder), self.rows, self.suite, self.dataset_map)

    def frame(self) -> DataFrame:
        """Return a tidy table like that of `RunResults`, with a row for each number and device."""
        from harness.results.results import FoundEstimate, Results  # noqa: PLC0415 - as above

        found = FoundEstimate(Path(), self.rows, self.suite)
        return Results((), (found,), (), ()).frame()

    def _repr_html_(self) -> str:
        """Show the table, and below it what it is of: widths, steps, and that nothing was run."""
        from harness.reports.estimate_tables import estimate_table  # noqa: PLC0415 - as above

        said = "<br>".join(map(escape, estimate_table(self.rows, brief=True).caption))
        return f"{self.frame().to_html(index=False)}<p>{said}</p>"


def estimate(  # noqa: PLR0913 - they mirror the flags of `harness estimate`
    methods: Names | None = None,
    *,
    suite: str | Path | None = None,
    dataset: Names | None = None,
    ways: int | None = None,
    shots: int | None = None,
    recipe: str | None = None,
    space: str | None = None,
    device: Names | None = None,
    budget: str | None = None,
    data_root: str | Path | None = None,
    cache_root: str | Path | None = None,
) -> Estimates:
    """Predict memory and time from shapes alone; no image is read and nothing is trained.

    The arguments are those of `run`.

    Raises:
        UsageError: what was asked for makes no sense.
    """
    from harness.planning.plan import PlanRequest  # noqa: PLC0415 - see the module

    asked = request_fields(
        suite, data_root, cache_root,
        methods=methods, datasets=dataset, devices=device, ways=ways, shots=shots, recipe=recipe,
        space=space, budget=budget,
    )  # fmt: skip
    return estimate_searches(plugins_here(), PlanRequest(**asked), lambda *_: None, say_on_stderr)


def estimate_searches(
    plugins: Plugins,
    request: PlanRequest,
    done: Callable[[int, int, Estimate], None],
    say: Callable[[str], None],
) -> Estimates:
    """Estimate the searches that are asked for.

    Args:
        plugins: where names are looked up.
        request: what to estimate.
        done: is called with how many estimates are finished, how many there are, and the last one.
        say: reports sentences to the person, such as that a data set is being decoded.

    Raises:
        UsageError: what was asked for makes no sense.
    """
    from harness.contracts import DataRequest  # noqa: PLC0415 - see the module
    from harness.estimates.cache import EstimateCache  # noqa: PLC0415 - see the module
    from harness.estimates.estimates import estimate_all, plan_searches  # noqa: PLC0415 - as above
    from harness.results.costs import row_of  # noqa: PLC0415 - see the module

    asked = request.resolve(plugins)
    data = DataRequest(request.data_root, request.cache_root, say)
    searches = plan_searches(plugins, asked.entries, data)
    cache = EstimateCache(plugins, request.cache_root, say)
    found = estimate_all(searches, done, cache=cache)
    return Estimates(tuple(map(row_of, found)), request.suite, asked.dataset_map)


@dataclass(frozen=True)
class Benchmark:
    """What search steps took on this machine: everything in it is measured.

    Attributes:
        saved: a row for each method and setting, and the machine.
    """

    saved: SavedBench

    @property
    def rows(self) -> tuple[BenchRow, ...]:
        """A row for each method and setting; one that failed has its `error` set."""
        return self.saved.rows

    def save(self, folder: str | Path) -> Path:
        """Write the benchmark into a folder, for `harness.load`, and return the file's path.

        Raises:
            RunFolderError: it cannot be written.
        """
        from harness.results.costs import save_bench  # noqa: PLC0415 - imports pydantic

        return save_bench(path_of(folder), self.saved)

    def frame(self) -> DataFrame:
        """Return a tidy table like that of `RunResults`; its times are means of the warm steps."""
        from harness.results.results import Results  # noqa: PLC0415 - imports pydantic

        return Results((), (), (), (), benches=(self.saved,)).frame()

    def _repr_html_(self) -> str:
        html: str = self.frame().to_html(index=False)
        return html


def bench(  # noqa: PLR0913 - they mirror the flags of `harness bench`
    methods: Names | None = None,
    *,
    suite: str | Path | None = None,
    dataset: Names | None = None,
    ways: int | None = None,
    shots: int | None = None,
    recipe: str | None = None,
    space: str | None = None,
    device: str = "cpu",
    budget: str | None = None,
    rounds: int = 5,
    data_root: str | Path | None = None,
    cache_root: str | Path | None = None,
    progress: bool = True,
) -> Benchmark:
    """Measure seconds and memory of a search step on this machine, on noise.

    Args:
        methods: such as `["darts", "darts[engine=streamed]"]`; those of one setting take turns.
        suite: as of `run`; so are the other arguments that are not named here.
        device: the device, which must be this machine.
        rounds: warm search steps of each method.

    Raises:
        UsageError: what was asked for makes no sense, or the device is not this machine.
    """
    from harness.planning.plan import PlanRequest  # noqa: PLC0415 - see the module

    asked = request_fields(
        suite, data_root, cache_root,
        methods=methods, datasets=dataset, ways=ways, shots=shots, recipe=recipe, space=space,
        budget=budget,
    )  # fmt: skip
    say = teller(progress=progress)
    return bench_searches(plugins_here(), PlanRequest(**asked), device, rounds, say)


def bench_searches(
    plugins: Plugins, request: PlanRequest, device: str, rounds: int, say: Callable[[str], None]
) -> Benchmark:
    """Measure the search steps that are asked for, whose devices do not count.

    Args:
        plugins: where names are looked up.
        request: what to measure.
        device: the name of one device, which must be this machine.
        rounds: warm search steps of each method.
        say: reports sentences to the person, such as which step is being made.

    Raises:
        UsageError: what was asked for makes no sense, or the device is not this machine.
    """
    from harness.contracts import DataRequest  # noqa: PLC0415 - see the module
    from harness.devices.at_hand import choose_mode  # noqa: PLC0415 - as above
    from harness.estimates.estimates import plan_searches  # noqa: PLC0415 - as above
    from harness.plugins.selection import select  # noqa: PLC0415 - as above
    from harness.plugins.spaces import supernet_space  # noqa: PLC0415 - as above

    selections = select(plugins, "device", device)
    if len(selections) != 1:
        raise UsageError("a benchmark measures one device; name it with --device")
    if rounds < 1:
        raise UsageError(f"a benchmark needs one round or more, not {rounds}")
    (selection,) = selections
    on = selection.create()
    choose_mode(selection.name, on, "measured")
    entries = request.resolve(plugins).entries
    for entry in entries:
        supernet_space(plugins, entry.space, "a benchmark")
    data = DataRequest(request.data_root, request.cache_root, say)
    searches = plan_searches(plugins, entries, data)

    # Imports torch, which a mistake in what was asked for need not wait for.
    from harness.benchmark import bench_all  # noqa: PLC0415 - see above
    from harness.results.costs import measured_here  # noqa: PLC0415 - see the module

    return Benchmark(measured_here(bench_all(plugins, searches, (selection.name, on), rounds, say)))
