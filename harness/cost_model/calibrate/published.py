"""Fits a cost model to published times of suites, by the kernels of the published procedures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.contracts import DataRequest
from harness.cost_model.calibrate.fit import Calibration, Case, calibrate
from harness.cost_model.profile import KERNEL_CLASSES, KernelRates
from harness.devices.profile import DeviceProfile
from harness.errors import UsageError
from harness.estimates.estimates import Estimate, estimate_all, plan_searches
from harness.experiment.published import Published, PublishedRow, read_published
from harness.experiment.suite import SuiteEntry, load_suite
from harness.plugins.loading import Plugins
from harness.plugins.selection import parse, spell
from harness.tracing.search import Search

__all__ = ["fit_published", "published_cases"]


@dataclass(frozen=True)
class _Time:
    name: str
    search: Search
    seconds: float
    group: str
    implementation: str


def fit_published(
    plugins: Plugins,
    profile: DeviceProfile,
    suites: Mapping[str, Path],
    request: DataRequest,
    done: Callable[[int, int, Estimate], None],
) -> Calibration:
    """Fit a device's cost model to the times that suites have for it.

    Args:
        plugins: where names are looked up.
        profile: of the device; the fit starts from its peak rates.
        suites: the files of the suites, by their names.
        request: where data sets are, for those that do not know their form.
        done: is called with each search, once its kernels are counted.

    Raises:
        UsageError: the profile has no rates; or see `published_cases`.
    """
    compute = profile.compute
    if compute is None:
        raise UsageError(
            f"the profile of device '{profile.name}' has no [compute] table to start from"
        )
    cases = published_cases(plugins, list(suites.values()), profile.name, request, done)
    peak = KernelRates(flops_s=compute.fp32_flops, bytes_s=compute.bandwidth_bytes_s)
    return calibrate(
        cases,
        dict.fromkeys(KERNEL_CLASSES, peak),
        "overlapped",
        launch_s=compute.launch_s,
        provenance=f"fitted to {len(cases)} published times of {', '.join(suites)}",
    )


def published_cases(
    plugins: Plugins,
    suites: Sequence[Path],
    device: str,
    request: DataRequest,
    done: Callable[[int, int, Estimate], None],
) -> list[Case]:
    """Return a case for each time that the suites have for a device.

    A search is traced by the procedure that the suite says is the published one; `done` is as in
    `estimate_all`.

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
