"""`harness plugins check`: what a plugin registers, rule by rule."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from harness.cli.options import cache_root_option, data_root_option, json_option
from harness.cli.output import loaded_plugins, print_json
from harness.conformance.apart import check
from harness.conformance.rule import Verdict
from harness.conformance.subject import Address, find

__all__ = ["check_plugin"]

WIDTH = len("not applicable")


@click.command("check")
@click.argument("name")
@data_root_option
@cache_root_option
@json_option
@click.pass_context
def check_plugin(
    ctx: click.Context, name: str, data_root: Path | None, cache_root: Path, as_json: bool
) -> None:
    """Hold a method, data set or device to the rules that the harness relies on.

    NAME is what is registered, such as onnas or 'onnas[q=1]', or a plugin: then all that it
    registers is checked. Exits with 1 if a rule is broken.
    """
    addresses = find(loaded_plugins(), name, data_root, cache_root.absolute())
    checked = [(address, _check(address, silent=as_json)) for address in addresses]
    verdicts = [verdict for _, each in checked for verdict in each]
    if as_json:
        print_json([_row(address, each) for address, each in checked])
    else:
        click.echo(_summary(verdicts))
    ctx.exit(1 if any(verdict.status == "broken" for verdict in verdicts) else 0)


def _check(address: Address, *, silent: bool) -> list[Verdict]:
    """Check every rule; print each verdict as it comes."""
    if not silent:
        click.echo(f"{address.kind} {address.text}")
    verdicts = []
    for verdict in check(address):
        verdicts.append(verdict)
        if not silent:
            _print(verdict)
    return verdicts


def _print(verdict: Verdict) -> None:
    click.echo(f"  {verdict.status.ljust(WIDTH)}  {verdict.rule}")
    if verdict.status == "broken":
        for what in ("expected", "came", "read"):
            click.echo(f"  {'':{WIDTH}}  {what + ':':9} {getattr(verdict, what)}")
    elif verdict.came:
        click.echo(f"  {'':{WIDTH}}  {verdict.came}")


def _row(address: Address, verdicts: list[Verdict]) -> dict[str, Any]:
    return {
        "kind": address.kind,
        "name": address.text,
        "rules": [asdict(verdict) for verdict in verdicts],
    }


def _summary(verdicts: list[Verdict]) -> str:
    counts = dict.fromkeys(("kept", "broken", "not applicable"), 0)
    for verdict in verdicts:
        counts[verdict.status] += 1
    parts = [f"{count} {status}" for status, count in counts.items() if count]
    return f"{len(verdicts)} rules: {', '.join(parts)}"
