"""`harness compare`: two runs or estimates, or one beside published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import UserPath, json_option
from harness.cli.output import examples, loaded_plugins, print_json, result_console, say
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.results.results import Results

__all__ = ["compare"]

EXIT_WORSE_OR_UNREADABLE = 1


@click.command(
    epilog=examples(
        "harness compare results/before results/after --fail-if-worse memory=1%",
        "harness compare results/table2-jetson --paper",
    )
)
@click.argument("folders", metavar="A [B]", nargs=-1, required=True, type=UserPath())
@click.option("--paper", is_flag=True, help="Compare A with the numbers published for its suite.")
@click.option(
    "--suite", help="With --paper: whose published numbers.  [default: the suite A came from]"
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=click.Choice(["mode", "budget", "dataset", "conditions"]),
    help="Compare rows even if they differ in this, and say so; can be repeated.",
)
@click.option(
    "--fail-if-worse",
    "tolerance",
    metavar="LIMITS",
    help="Exit with 1 if B is shown to be worse by more than this: 2%, or memory=5%,accuracy=2.",
)
@json_option
def compare(  # noqa: PLR0913 - one parameter an option
    *,
    folders: tuple[Path, ...],
    paper: bool,
    suite: str | None,
    allowed: tuple[str, ...],
    tolerance: str | None,
    as_json: bool,
) -> None:
    """Compare two runs or estimates, or one with the paper.

    A and B are folders that `harness run` or `harness estimate --output` has left. The verdict is
    about B: better or worse than A, if the difference is more than chance explains. Accuracy is
    paired by seed and task where both have met the same images.

    Rows that differ in device mode, budget, conditions or data are refused unless --allow names
    the difference.
    """
    if paper:
        _check_paper(folders, tolerance, allowed)
        _compare_paper(folders[0], suite, as_json=as_json)
    else:
        _check_two(folders, suite)
        _compare_two(folders, allowed, tolerance, as_json=as_json)


def _check_paper(
    folders: tuple[Path, ...], tolerance: str | None, allowed: tuple[str, ...]
) -> None:
    if len(folders) != 1:
        raise UsageError(f"--paper takes one folder, not {len(folders)}")
    if tolerance is not None or allowed:
        raise UsageError("--fail-if-worse and --allow are for two folders, not for --paper")


def _check_two(folders: tuple[Path, ...], suite: str | None) -> None:
    if len(folders) != 2:
        raise UsageError(
            f"compare takes two folders, not {len(folders)}, or one with --paper, which compares "
            "it with published numbers"
        )
    if suite is not None:
        raise UsageError("--suite is for --paper: it says whose published numbers")


def _compare_two(
    folders: tuple[Path, ...], allowed: tuple[str, ...], tolerance: str | None, *, as_json: bool
) -> None:
    # Imports scipy and pydantic, which `--help` need not wait for.
    from harness.comparison.comparing import parse_thresholds  # noqa: PLC0415 - see above
    from harness.comparison.findings import findings_of_comparison  # noqa: PLC0415 - see above
    from harness.comparison.pairs import ALLOWANCES  # noqa: PLC0415 - see above
    from harness.comparison.result import compare as compare_results  # noqa: PLC0415 - see above
    from harness.reports.comparison_tables import comparison_tables  # noqa: PLC0415 - see above
    from harness.reports.terminal import print_tables  # noqa: PLC0415 - see above
    from harness.results.load import load_results  # noqa: PLC0415 - see above
    from harness.results.reading import without_garbage_collection  # noqa: PLC0415 - see above

    metrics = loaded_plugins().metrics
    thresholds = None if tolerance is None else parse_thresholds(tolerance, metrics)
    click.get_current_context().with_resource(without_garbage_collection())
    a, b = (load_results([folder], metrics) for folder in folders)
    result = compare_results(
        a, b, allowed=[each for each in ALLOWANCES if each in allowed], thresholds=thresholds
    )
    if as_json:
        print_json({"a": str(folders[0]), "b": str(folders[1]), **result.to_json()})
    else:
        for sentence in findings_of_comparison(result):
            click.echo(sentence)
        print_tables(comparison_tables(result), result_console())
    if _tell_problems(a, b) or result.has_failed:
        raise SystemExit(EXIT_WORSE_OR_UNREADABLE)


def _compare_paper(folder: Path, suite: str | None, *, as_json: bool) -> None:
    # As above.
    from harness.comparison.findings import findings_of_paper  # noqa: PLC0415 - see above
    from harness.comparison.paper import compare_with_paper  # noqa: PLC0415 - see above
    from harness.reports.comparison_tables import paper_tables  # noqa: PLC0415 - see above
    from harness.reports.terminal import print_tables  # noqa: PLC0415 - see above
    from harness.results.load import load_results  # noqa: PLC0415 - see above

    plugins, console = loaded_plugins(), result_console()
    results = load_results([folder], plugins.metrics)
    compared = compare_with_paper(results, plugins, suite)
    if as_json:
        print_json({"a": str(folder), "suites": [each.to_json() for each in compared]})
    else:
        for each in compared:
            for sentence in findings_of_paper(each) or [each.suite.title]:
                click.echo(sentence)
            print_tables(paper_tables(each), console)
    if _tell_problems(results):
        raise SystemExit(EXIT_WORSE_OR_UNREADABLE)


def _tell_problems(*found: Results) -> bool:
    """Name what could not be read, and say whether there was anything."""
    problems = [problem for results in found for problem in results.problems]
    for problem in problems:
        say(str(problem))
    return bool(problems)
