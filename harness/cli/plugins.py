"""`harness plugins`: see plugins, write one, hold one to its contract."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click

from harness.cli.options import (
    UserPath,
    cache_root_option,
    data_root_option,
    json_option,
    output_option,
)
from harness.cli.output import examples, loaded_plugins, print_json, print_table
from harness.conformance.isolation import check, conditions_here, rule_names
from harness.conformance.rule import Address, Conditions, Status, Verdict, find
from harness.errors import UnknownNameError
from harness.plugins.description import plugin_rows
from harness.plugins.loading import load_plugins
from harness.plugins.registry import KINDS, PLURALS, Kind
from harness.scaffold.writing import OPTION_OF, choose_names, next_commands, write_plugin

__all__ = ["check_plugin", "list_plugins", "new_plugin"]

WIDTH = len("not applicable")  # of a verdict's status
FAILED = {"broken", "not decided"}
COMPARED = 2  # methods beside the new one


@click.command("list", epilog=examples("harness plugins list"))
@json_option
def list_plugins(as_json: bool) -> None:
    """List every plugin that was found, with what it registers or why it is not used."""
    found = load_plugins()
    rows, conflicts = plugin_rows(found), [str(each) for each in found.registry.conflicts()]
    if as_json:
        print_json({"plugins": rows, "conflicts": conflicts})
        return
    columns = ("plugin", "distribution", "version")
    print_table(
        [*columns, "registers"],
        [[*(row[column] for column in columns), _registers(row)] for row in rows],
    )
    for conflict in conflicts:
        click.echo(f"\nconflict: {conflict}")


def _registers(row: dict[str, Any]) -> str:
    if row["problem"]:
        return f"not used: {row['problem']}"
    parts = []
    for kind in KINDS:
        names = row[PLURALS[kind]]
        if names:
            parts.append(f"{kind if len(names) == 1 else kind + 's'} {', '.join(names)}")
    return "; ".join(parts) or "nothing"


@click.command("new", epilog=examples("harness plugins new my-idea --kind method"))
@click.argument("name")
@click.option("--kind", type=click.Choice(list(OPTION_OF)), required=True, help="What it adds.")
@output_option("The folder to make.  [default: NAME, in the working directory]", UserPath())
def new_plugin(name: str, kind: Kind, output: Path | None) -> None:
    """Write a small installable package with something that already works.

    NAME is what it will register, in lower-case words joined by hyphens, such as my-idea. Nothing
    that is there is overwritten.
    """
    plugins = loaded_plugins()
    names = choose_names(plugins, kind, name)
    methods = plugins.registry.names("method")[:COMPARED]
    folder = output or Path(name)
    for path in write_plugin(names, folder, methods):
        click.echo(path)
    # A path without a slash would be a name in a package index to pip.
    shown = str(folder) if folder.is_absolute() else f"./{folder.as_posix()}"
    click.echo("\nNext:")
    for command in next_commands(names, shown, methods):
        click.echo(f"  {command}")


@click.command("check", epilog=examples("harness plugins check onnas --rule memory-is-released"))
@click.argument("name")
@click.option("--rule", "only", multiple=True, help="Check this rule alone; can be repeated.")
@click.option(
    "--thorough",
    is_flag=True,
    help="Methods do several search steps, and a check may take five times as long.",
)
@data_root_option
@cache_root_option
@json_option
@click.pass_context
def check_plugin(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    name: str,
    only: tuple[str, ...],
    thorough: bool,
    data_root: Path | None,
    cache_root: Path,
    as_json: bool,
) -> None:
    """Hold a method, data set, device or space to the rules that the harness relies on.

    NAME is what is registered, such as onnas or 'onnas[q=1]', or a plugin: then all that it
    registers is checked. Every rule is checked, by trials of a single search step unless --thorough
    is given. How long a check may take goes by how fast the machine is at the moment; one that
    takes longer is not decided. Exits with 1 if a rule is broken or not decided.
    """
    addresses = find(loaded_plugins(), name, data_root, cache_root.absolute())
    known = {rule for address in addresses for rule in rule_names(address.kind)}
    for rule in only:
        if rule not in known:
            raise UnknownNameError("rule", rule, known)
    conditions = conditions_here(thorough=thorough)
    if not as_json:
        click.echo(_conditions(conditions))
    checked = [
        (address, _checked(address, conditions, only, silent=as_json)) for address in addresses
    ]
    verdicts = [verdict for _, each in checked for verdict in each]
    if as_json:
        print_json([_address_row(address, conditions, each) for address, each in checked])
    else:
        click.echo(_summary(verdicts))
    ctx.exit(1 if any(verdict.status in FAILED for verdict in verdicts) else 0)


def _conditions(conditions: Conditions) -> str:
    extent = "thorough" if conditions.thorough else "quick, and --thorough checks more"
    return (
        f"{extent}; limits of time are {conditions.slowness:.1f} times their usual ones, as a "
        "small network took so much longer here just now"
    )


def _checked(
    address: Address, conditions: Conditions, only: tuple[str, ...], *, silent: bool
) -> list[Verdict]:
    """Check every rule, or those asked for; print each verdict as it comes, each cause once."""
    if not silent:
        click.echo(f"{address.kind} {address.text}")
    verdicts: list[Verdict] = []
    for verdict in check(address, conditions, only):
        if not silent:
            _print_verdict(verdict, verdicts)
        verdicts.append(verdict)
    return verdicts


def _print_verdict(verdict: Verdict, before: list[Verdict]) -> None:
    click.echo(f"  {verdict.status.ljust(WIDTH)}  {verdict.rule}")
    told = [each.rule for each in before if _has_cause(each, verdict.cause)]
    if _has_cause(verdict, verdict.cause) and told:
        click.echo(f"  {'':{WIDTH}}  for the same reason as {told[0]}")
    elif verdict.status == "broken":
        for what in ("expected", "came", "read"):
            click.echo(f"  {'':{WIDTH}}  {what + ':':9} {getattr(verdict, what)}")
    elif verdict.came:
        click.echo(f"  {'':{WIDTH}}  {verdict.came}")


def _has_cause(verdict: Verdict, cause: str) -> bool:
    return verdict.status in FAILED and verdict.cause == cause


def _address_row(
    address: Address, conditions: Conditions, verdicts: list[Verdict]
) -> dict[str, Any]:
    return {
        "kind": address.kind,
        "name": address.text,
        **asdict(conditions),
        "rules": [asdict(verdict) for verdict in verdicts],
    }


def _summary(verdicts: list[Verdict]) -> str:
    counts = dict.fromkeys(get_args(Status), 0)
    for verdict in verdicts:
        counts[verdict.status] += 1
    parts = [f"{count} {status}" for status, count in counts.items() if count]
    return f"{len(verdicts)} rules: {', '.join(parts)}"
