"""`harness devices fit`: a device's cost model from times that others have published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import cache_root_option, data_root_option, json_option
from harness.cli.output import loaded_plugins, print_json, print_table, say
from harness.contracts import DataRequest, Device
from harness.devices.profile import ComputeProfile, DeviceProfile
from harness.devices.profile_writing import check_destination, profile_toml
from harness.errors import UsageError
from harness.planning.suites import find_suite
from harness.plugins.selection import select
from harness.runtime.files import write_whole

if TYPE_CHECKING:
    from harness.cost_model.calibrate.fit import Calibration, Case, LeftOut
    from harness.estimate.estimates import Estimate

__all__ = ["fit_published"]


@click.command("fit")
@click.argument("device")
@click.argument("suites", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write the device's profile to, with the cost model in it.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that something else has written.")
@data_root_option
@cache_root_option
@json_option
def fit_published(  # noqa: PLR0913 - one parameter an option
    *,
    device: str,
    suites: tuple[str, ...],
    output: Path | None,
    force: bool,
    data_root: Path | None,
    cache_root: Path,
    as_json: bool,
) -> None:
    """Fit a device's cost model to the published times of suites.

    Each time is set beside the kernels that the published procedure launches. How far predictions
    are off is found out on each time by a fit to all the others.
    """
    if output is not None:
        check_destination(output, force=force)
    plugins = loaded_plugins()
    found: Device = select(plugins, "device", device)[0].create()
    compute = found.profile.compute
    if compute is None:
        raise UsageError(f"the profile of device '{device}' has no [compute] table to start from")
    paths = [find_suite(plugins, suite) for suite in suites]
    request = DataRequest(data_root=data_root, cache_root=cache_root, report=say)
    # Imports scipy, and torch in other processes: seconds.
    from harness.cost_model.calibrate.published import published_cases  # noqa: PLC0415 - see above

    cases = published_cases(plugins, paths, device, request, _traced)
    calibration = _fit(cases, compute, ", ".join(suites))
    if output is not None:
        write_whole(output, profile_toml(_with(found.profile, calibration)))
    if as_json:
        print_json(_to_json(device, calibration))
    else:
        _print(calibration, output)


def _fit(cases: list[Case], compute: ComputeProfile, suites: str) -> Calibration:
    from harness.cost_model.calibrate.fit import calibrate  # noqa: PLC0415 - imports scipy
    from harness.cost_model.profile import KERNEL_CLASSES, KernelRates  # noqa: PLC0415

    peak = KernelRates(flops_s=compute.fp32_flops, bytes_s=compute.bandwidth_bytes_s)
    return calibrate(
        cases,
        dict.fromkeys(KERNEL_CLASSES, peak),
        "overlapped",
        launch_s=compute.launch_s,
        provenance=f"fitted to {len(cases)} published times of {suites}",
    )


def _with(profile: DeviceProfile, calibration: Calibration) -> DeviceProfile:
    return profile.model_copy(update={"cost": calibration.cost})


def _print(calibration: Calibration, output: Path | None) -> None:
    headings = ("left out of the fit", "published s", "predicted s", "error %")
    print_table(headings, map(_cells, calibration.left_out))
    error = calibration.cost.error
    click.echo(
        f"\n{error.cases} times, each predicted by a fit to the others: off by "
        f"{error.mean_percent:.1f} % on average, rank correlation "
        f"{calibration.rank_correlation:.3f}."
    )
    for name, factor in calibration.factors.items():
        click.echo(
            f"{name}: what was published took {factor:.1f} times as long as its kernels explain. "
            "The factor is fitted along, and no part of the cost model."
        )
    click.echo(
        f"With every method counting alike, nine of ten times were {error.low:.2f} to "
        f"{error.high:.2f} of what was predicted."
    )
    if output is not None:
        click.echo(f"Written: {output}")


def _cells(left_out: LeftOut) -> tuple[str, ...]:
    case = left_out.case
    times = (f"{seconds:,.1f}" for seconds in (case.seconds, left_out.predicted_s))
    return (case.name, *times, f"{100 * left_out.error:+.0f}")


def _to_json(device: str, calibration: Calibration) -> dict[str, Any]:
    rows = [
        {
            "name": each.case.name,
            "published_s": each.case.seconds,
            "predicted_s": each.predicted_s,
            "error": each.error,
        }
        for each in calibration.left_out
    ]
    return {
        "device": device,
        "cost": calibration.cost.model_dump(mode="json"),
        "rank_correlation": calibration.rank_correlation,
        "factors": dict(calibration.factors),
        "left_out": rows,
    }


def _traced(estimate: Estimate) -> None:
    search = estimate.search
    say(f"counted the kernels of {search.label} on {search.dataset} ({search.setting})")
