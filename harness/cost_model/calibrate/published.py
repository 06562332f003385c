"""Published times of a suite, each with the kernels that it would have been spent on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.contracts import DataRequest
from harness.cost_model.calibrate.fit import Case
from harness.errors import UsageError
from harness.estimate.estimates import Estimate, estimate_all
from harness.estimate.planning import plan_searches
from harness.experiment.published import Published, PublishedRow, read_published
from harness.experiment.suite import SuiteEntry, load_suite
from harness.plugins.loading import Plugins
from harness.plugins.selection import parse, spell
from harness.tracing.search import Search

__all__ = ["published_cases"]


@dataclass(frozen=True)
class _Time:
    name: str
    search: Search
    seconds: float
    group: str
    implementation: str


def published_cases(
    plugins: Plugins,
    suites: Sequence[Path],
    device: str,
    request: DataRequest,
    done: Callable[[Estimate], None],
) -> list[Case]:
    """Return a case for each time that the suites have for a device.

    A search is traced by the procedure that the suite says is the published one; `done` is told of
    each.

    Raises:
        UsageError: a suite has no published times for the device, or one cannot be traced.
    """
    times = [each for path in suites for each in _times(plugins, path, device, request)]
    estimates = estimate_all([each.search for each in times], done, ranges=False)
    return [_case(*each) for each in zip(times, estimates, strict=True)]


def _times(plugins: Plugins, path: Path, device: str, request: DataRequest) -> Iterator[_Time]:
    suite = load_suite(path)
    published = suite.published
    if published is None or device not in published.times:
        raise UsageError(f"suite {path} has no published times for device '{device}'")
    for row in read_published(published, path):
        seconds = published.seconds_of(row, device)
        if seconds is not None:
            entry = _entry(published, row, device, suite.trials[0].budget)
            (search,) = plan_searches(plugins, [entry], request)
            method, _ = parse(row.method)
            yield _Time(
                name=f"{path.stem}: {row.method}, {row.dataset} {search.setting}",
                search=search,
                seconds=seconds,
                group=method,
                implementation=method if method in published.unexplained else "",
            )


def _entry(published: Published, row: PublishedRow, device: str, budget: str) -> SuiteEntry:
    name, values = parse(row.method)
    if name in published.procedures:
        values |= parse(f"{name}[{published.procedures[name]}]")[1]
    posed = {"ways": row.ways, "shots": row.shots}
    return SuiteEntry.model_validate(
        {
            "methods": [spell(name, values)],
            "datasets": [row.dataset],
            "devices": [device],
            "budget": budget,
            **{key: value for key, value in posed.items() if value is not None},
        }
    )


def _case(time: _Time, estimate: Estimate) -> Case:
    if estimate.kernels is None:
        raise UsageError(f"{time.name} cannot be traced: {estimate.error}")
    return Case(time.name, estimate.kernels, time.seconds, time.group, time.implementation)
