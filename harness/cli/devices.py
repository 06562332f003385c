"""`harness devices`: what this machine is, and cost models that predict times on devices."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.api.devices import calibrate_device
from harness.api.progress import work_on_stderr
from harness.cli.options import (
    UserPath,
    cache_root_option,
    data_root_option,
    json_option,
    on_option,
    output_option,
)
from harness.cli.output import examples, loaded_plugins, print_json, print_table, say
from harness.contracts import DataRequest, Device
from harness.cost_model.profile import CostProfile
from harness.devices.profile import check_destination, profile_toml
from harness.devices.readings.probe import probe
from harness.errors import UsageError
from harness.plugins.profile_files import DEVICES_VARIABLE
from harness.plugins.selection import select
from harness.system.files import write_whole
from harness.system.streams import Wire, is_terminal

if TYPE_CHECKING:
    from harness.api.devices import CalibratedDevice
    from harness.boards.connection import BoardAddress
    from harness.cost_model.calibrate.fit import Calibration, LeftOut
    from harness.estimates.estimates import Estimate

__all__ = ["calibrate_processor", "fit_published", "probe_machine", "serve_board"]


@click.command("probe", epilog=examples("harness devices probe --json"))
@click.option(
    "--root",
    type=UserPath(exists=True, file_okay=False),
    default=Path("/"),
    show_default=True,
    help="Folder to read /proc and /sys below, such as a copy from a board.",
)
@json_option
def probe_machine(root: Path, *, as_json: bool) -> None:
    """Read everything that this machine says about itself.

    A value that cannot be read is left blank, and its note says why. The machine's names are what a
    device profile recognises it by.
    """
    readings = probe(root)
    if as_json:
        print_json([asdict(reading) for reading in readings])
        return
    headings = ("name", "value", "unit", "source", "note")
    rows = [
        (each.name, _spelled(each.value), each.unit, each.source, each.note) for each in readings
    ]
    print_table(headings, rows)


def _spelled(value: float | str | None) -> str | None:
    return f"{value:,.10g}" if isinstance(value, (int, float)) else value


@click.command(
    "calibrate",
    epilog=examples("harness devices calibrate --on ssh://me@board --name my-pi -o my-pi.toml"),
)
@output_option(
    "File to write the device profile to.",
    UserPath(),
    default=Path("this-cpu.toml"),
    show_default=True,
)
@click.option("--name", default="this-cpu", show_default=True, help="What to call the device.")
@click.option("--force", is_flag=True, help="Overwrite a file that something else has written.")
@on_option
@json_option
def calibrate_processor(
    *, output: Path, name: str, force: bool, address: BoardAddress | None, as_json: bool
) -> None:
    """Measure this machine's processor and write a device profile that predicts its times.

    It takes some minutes, in which the machine should do nothing else. Single operations are
    timed, then networks of the search space, and a cost model is fitted to both. How far its
    predictions are off is found out on each network by a fit to all the others.
    """
    found = calibrate_device(
        loaded_plugins(),
        name,
        output,
        force=force,
        address=address,
        progress=work_on_stderr,
        say=say,
    )
    if as_json:
        cost = found.profile.model_dump(mode="json")["cost"]
        left_out = [each.model_dump() for each in found.left_out]
        print_json({"device": name, "profile": str(output), "cost": cost, "left_out": left_out})
    else:
        _print_processor(name, output, found)


def _print_processor(name: str, output: Path, found: CalibratedDevice) -> None:
    headings = ("left out of the fit", "measured ms", "predicted ms", "error %")
    rows = [
        (
            each.name,
            *(f"{1e3 * seconds:,.1f}" for seconds in (each.measured_s, each.predicted_s)),
            f"{100 * each.error:+.1f}",
        )
        for each in found.left_out
    ]
    print_table(headings, rows)
    error = CostProfile.model_validate(found.profile.cost).error
    click.echo(
        f"\nPredictions for networks that were left out are off by {error.mean_percent:.1f} % on "
        f"average; nine of ten times were {error.low:.2f} to {error.high:.2f} of what was "
        f"predicted.\nWritten: {output}. To predict times with it:\n"
        f"  export {DEVICES_VARIABLE}={shlex.quote(str(output.absolute()))}\n"
        f"  harness estimate -d {name} ..."
    )


@click.command("serve", epilog=examples("ssh me@board harness devices serve"))
@cache_root_option
def serve_board(cache_root: Path) -> None:
    """Do what another machine asks for by --on, on standard input and output.

    It is what `harness adapt --on` starts on the board, by ssh, and nothing to type by hand. What
    was sent stays in the folder `board` of the cache.
    """
    if is_terminal(sys.stdin):
        raise UsageError("this is what `harness adapt --on` starts by ssh; it answers no terminal")
    from harness.boards.serving import serve  # noqa: PLC0415 - only who serves needs it

    raise SystemExit(serve(cache_root, Wire(0, 1)))


@click.command("fit", epilog=examples("harness devices fit jetson table2 table3 -o my-jetson.toml"))
@click.argument("device")
@click.argument("suites", nargs=-1, required=True)
@output_option("File to write the device's profile to, with the cost model in it.", UserPath())
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
    from harness.planning.plan import find_suite  # noqa: PLC0415 - imports numpy

    paths = {suite: find_suite(plugins, suite) for suite in suites}
    request = DataRequest(data_root=data_root, cache_root=cache_root, report=say)
    # Imports scipy, and torch in other processes: seconds.
    from harness.cost_model.calibrate import published  # noqa: PLC0415 - see above

    calibration = published.fit_published(plugins, found.profile, paths, request, _say_traced)
    if output is not None:
        profile = found.profile.model_copy(update={"cost": calibration.cost})
        write_whole(output, profile_toml(profile))
    if as_json:
        left_out = [
            {
                "name": each.case.name,
                "published_s": each.case.seconds,
                "predicted_s": each.predicted_s,
                "error": each.error,
            }
            for each in calibration.left_out
        ]
        print_json(
            {
                "device": device,
                "cost": calibration.cost.model_dump(mode="json"),
                "rank_correlation": calibration.rank_correlation,
                "factors": dict(calibration.factors),
                "left_out": left_out,
            }
        )
    else:
        _print_fit(calibration, output)


def _print_fit(calibration: Calibration, output: Path | None) -> None:
    headings = ("left out of the fit", "published s", "predicted s", "error %")
    print_table(headings, [_left_out_cells(each, 1, "+.0f") for each in calibration.left_out])
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
        f"With every method counted equally, nine of ten times were {error.low:.2f} to "
        f"{error.high:.2f} of what was predicted."
    )
    if output is not None:
        click.echo(f"Written: {output}")


def _say_traced(number: int, total: int, estimate: Estimate) -> None:
    say(f"[{number}/{total}] counted the kernels of {estimate.search}")


def _left_out_cells(left_out: LeftOut, unit: float, digits: str) -> tuple[str, ...]:
    """Return a row of the table: real and predicted time by `unit` a second, and the error."""
    case = left_out.case
    times = (f"{unit * seconds:,.1f}" for seconds in (case.seconds, left_out.predicted_s))
    return (case.name, *times, f"{100 * left_out.error:{digits}}")
