"""`harness devices calibrate`: measures the processor at hand, so that its times are predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import json_option
from harness.cli.output import loaded_plugins, print_json, print_table
from harness.cli.work_progress import work_on_stderr
from harness.cost_model.calibrate.processor import processor_profile, provenance
from harness.devices.profile_writing import check_destination, profile_toml
from harness.errors import UsageError
from harness.plugins.profile_files import DEVICES_VARIABLE
from harness.plugins.registry import check_name
from harness.runtime.files import write_whole

if TYPE_CHECKING:
    from harness.cost_model.calibrate.fit import LeftOut
    from harness.cost_model.calibrate.processor import ProcessorFit

__all__ = ["calibrate_processor"]


@click.command("calibrate")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("this-cpu.toml"),
    show_default=True,
    help="File to write the device profile to.",
)
@click.option("--name", default="this-cpu", show_default=True, help="What to call the device.")
@click.option("--force", is_flag=True, help="Overwrite a file that something else has written.")
@json_option
def calibrate_processor(*, output: Path, name: str, force: bool, as_json: bool) -> None:
    """Measure this machine's processor and write a device profile that predicts its times.

    It takes some minutes, in which the machine should do nothing else. Single operations are
    timed, then networks of the search space, and a cost model is fitted to both. How far its
    predictions are off is found out on each network by a fit to all the others.
    """
    check_destination(output, force=force)
    _check_name(name, output)
    fit = _measured_and_fitted()
    write_whole(output, profile_toml(processor_profile(name, fit.cost)))
    if as_json:
        print_json(_to_json(name, output, fit))
    else:
        _print(name, output, fit)


def _check_name(name: str, output: Path) -> None:
    """Refuse a name that another device has; the same file's earlier content is no other."""
    check_name("device", name)
    for entry in loaded_plugins().registry.entries("device"):
        if entry.name == name and entry.target != str(output.absolute()):
            raise UsageError(
                f"there is a device '{name}', of {entry.plugin}; choose another name by --name"
            )


def _measured_and_fitted() -> ProcessorFit:
    # Imports torch and scipy, which take seconds.
    from harness.cost_model.calibrate.networks import NETWORKS, network_works  # noqa: PLC0415
    from harness.cost_model.calibrate.operations import operation_works  # noqa: PLC0415
    from harness.cost_model.calibrate.processor import fit_processor  # noqa: PLC0415 - see above
    from harness.cost_model.calibrate.timing import STAGES, measure  # noqa: PLC0415

    operations, networks = list(operation_works()), list(network_works())
    works = [*operations, *networks]
    with work_on_stderr(STAGES * len(works)) as started:
        cases = measure(works, started)
    first = len(operations)
    return fit_processor(cases[:first], cases[first:], provenance(len(NETWORKS)))


def _print(name: str, output: Path, fit: ProcessorFit) -> None:
    headings = ("left out of the fit", "measured ms", "predicted ms", "error %")
    print_table(headings, map(_cells, fit.left_out))
    error = fit.cost.error
    click.echo(
        f"\nPredictions for networks that were left out are off by {error.mean_percent:.1f} % on "
        f"average; nine of ten times were {error.low:.2f} to {error.high:.2f} of what was "
        f"predicted.\nWritten: {output}. To predict times with it:\n"
        f"  export {DEVICES_VARIABLE}={output.absolute()}\n"
        f"  harness estimate -d {name} ..."
    )


def _cells(left_out: LeftOut) -> tuple[str, ...]:
    case = left_out.case
    times = (f"{1e3 * seconds:,.1f}" for seconds in (case.seconds, left_out.predicted_s))
    return (case.name, *times, f"{100 * left_out.error:+.1f}")


def _to_json(name: str, output: Path, fit: ProcessorFit) -> dict[str, Any]:
    rows = [
        {
            "name": each.case.name,
            "network": each.case.group,
            "measured_s": each.case.seconds,
            "predicted_s": each.predicted_s,
            "error": each.error,
        }
        for each in fit.left_out
    ]
    cost = fit.cost.model_dump(mode="json")
    return {"device": name, "profile": str(output), "cost": cost, "left_out": rows}
