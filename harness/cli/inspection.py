"""What there is (`harness list`), one name in full (`show`), whether runs would work (`doctor`)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from harness.cli.options import UserPath, cache_root_option, data_root_option, json_option
from harness.cli.output import examples, loaded_plugins, print_json, print_table
from harness.fields import spelled
from harness.plugins.description import budget_rows, describe, entry_rows
from harness.plugins.loading import load_plugins
from harness.plugins.registry import KINDS, PLURALS

__all__ = ["doctor", "list_command", "show"]

KIND_OF = {PLURALS[kind]: kind for kind in KINDS}

HERE = {
    "measured": "measured on this machine",
    "emulated": "emulated on this machine",
    None: "not on this machine, and with nothing to emulate",
}

# By the end of a key: its unit, and a larger or smaller one that is easier to read.
UNITS = {
    "_bytes_s": ("bytes/s", 1e9, "GB/s"),
    "_bytes": ("bytes", 2**20, "MiB"),
    "_flops": ("FLOP/s", 1e9, "GFLOP/s"),
    "_s": ("s", 1e-6, "µs"),
    "_w": ("W", 1.0, "J/s"),
}


@click.command("list", epilog=examples("harness list methods"))
@click.argument("what", type=click.Choice([*KIND_OF, "budgets"]))
@json_option
def list_command(what: str, as_json: bool) -> None:
    """List methods, datasets, devices, suites, spaces, searches, scores, budgets and the like."""
    if what == "budgets":
        _list_budgets(as_json)
        return
    rows = entry_rows(loaded_plugins(), KIND_OF[what])
    if as_json:
        print_json(rows)
    elif rows:
        columns = ("name", "summary", "plugin")
        print_table(columns, [[row[column] for column in columns] for row in rows])
    else:
        click.echo(f"No plugin registers {what}.", err=True)


def _list_budgets(as_json: bool) -> None:
    rows = budget_rows()
    if as_json:
        print_json(rows)
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])


@click.command(epilog=examples("harness show onnas"))
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show what a name is and what parameters it takes.

    NAME is a method, dataset, device, suite, reporter, space, search, score or budget.
    """
    descriptions = describe(loaded_plugins(), name)
    if as_json:
        print_json(descriptions)
        return
    for number, description in enumerate(descriptions):
        if number:
            click.echo()
        _print(description)


def _print(description: dict[str, Any]) -> None:
    click.echo(f"{description['kind']} {description['name']}")
    if description["summary"]:
        click.echo(f"  {description['summary']}")
    if "plugin" in description:
        click.echo(f"  {_origin(description)}")
    if description.get("parameters"):
        _print_fields("parameters", "default", description["parameters"])
    if "keys" in description:
        _print_fields("keys", "value", description["keys"])
    if "profile" in description:
        _print_profile(description)
    if "text" in description:
        click.echo("\n" + description["text"].rstrip())


def _origin(description: dict[str, Any]) -> str:
    """Return where a name comes from; only the file of a profile has no version."""
    if not description["version"]:
        return f"profile {description['distribution']}"
    plugin, distribution = description["plugin"], description["distribution"]
    return f"plugin {plugin}, of {distribution} {description['version']}"


def _print_fields(title: str, column: str, fields: list[dict[str, Any]]) -> None:
    click.echo(f"\n{title}")
    rows = [
        [each["name"], _default(each, column), each["takes"], each["description"]]
        for each in fields
    ]
    print_table(["name", column, "takes", "description"], rows, indent="  ")


def _default(field: dict[str, Any], column: str) -> str:
    if column == "default" and field["required"]:
        return "(required)"
    return spelled(field[column])


def _print_profile(description: dict[str, Any]) -> None:
    """Print what `harness.plugins.description.describe` says of a device's profile."""
    profile, limit = description["profile"], description["memory_limit_bytes"]
    names = profile["recognised_by"]
    facts = {
        "model": profile["model"],
        "computes on": profile["kind"],
        "recognised by": ", ".join(names) if names else "nothing, so it is always emulated",
        "memory limit": "none is modelled" if limit is None else _with_unit("limit_bytes", limit),
    }
    click.echo(f"\nprofile ({HERE[description['mode']]})")
    for fact, value in facts.items():
        click.echo(f"  {fact:<14} {value}")
    for table in ("memory", "compute"):
        for key, value in (profile[table] or {}).items():
            if value is not None:
                click.echo(f"\n  {table}.{key}  {_with_unit(key, value)}")
                click.echo(f"    {profile['sources'][f'{table}.{key}']}")
    if profile["cost"] is not None:
        _print_cost(profile["cost"])


def _print_cost(cost: dict[str, Any]) -> None:
    """Print what a calibration has found: neither the maker's numbers, nor readings."""
    error = cost["error"]
    click.echo(
        "\n  cost model, fitted by calibration; times from it are predicted\n"
        f"    {cost['provenance']}\n"
        f"    mean error {error['mean_percent']:.3g} % over {error['cases']} times that their fit "
        f"had not seen;\n    nine of ten were {error['low']:.3g} to {error['high']:.3g} of what "
        f"was predicted\n\n  cost.launches  {cost['launches']}"
    )
    for key in ("python_kernel_s", "engine_kernel_s"):
        click.echo(f"  cost.{key}  {_with_unit(key, cost[key])}")
    click.echo(f"  cost.parallel_speedup  {cost['parallel_speedup']:g}")
    for kind, rates in cost["rates"].items():
        click.echo(
            f"  cost.rates.{kind:<11}  launch {rates['launch_s'] / 1e-6:.4g} µs, at most "
            f"{rates['flops_s'] / 1e9:,.4g} GFLOP/s and {rates['bytes_s'] / 1e9:,.4g} GB/s"
        )


def _with_unit(key: str, value: float) -> str:
    """Write a number in its unit, and in the one that is easier to read."""
    end = next(end for end in UNITS if key.endswith(end))
    unit, factor, easier = UNITS[end]
    return f"{value:,.12g} {unit} = {value / factor:,.10g} {easier}"


@click.command(epilog=examples("harness doctor --data-root data"))
@data_root_option
@cache_root_option
@click.option(
    "-o",
    "--output",
    "run_root",
    type=UserPath(file_okay=False),
    envvar="HARNESS_OUTPUT",
    show_envvar=True,
    default=Path("results"),
    show_default=True,
    help="Folder that runs are to be written to.",
)
@json_option
@click.pass_context
def doctor(
    ctx: click.Context, data_root: Path | None, cache_root: Path, run_root: Path, as_json: bool
) -> None:
    """Check that everything a run needs is there.

    Exits with 1 if something is not.
    """
    from harness.environment import Folders, examine  # noqa: PLC0415 - slow, and no matter of the others

    checks = examine(load_plugins(), Folders(data_root, cache_root, run_root))
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        rows = [(check.status, check.subject, check.finding) for check in checks]
        print_table(("status", "subject", "finding"), rows)
        for check in checks:
            if check.advice:
                click.echo(f"\n{check.subject}: {check.advice}.")
    ctx.exit(1 if any(check.status == "problem" for check in checks) else 0)
