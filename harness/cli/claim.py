"""`harness claim`: what was published of methods, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from harness.cli.options import (
    UserPath,
    cache_root_option,
    data_root_option,
    executor_options,
    json_option,
    output_option,
)
from harness.cli.output import (
    examples,
    loaded_plugins,
    print_json,
    result_console,
    say,
    say_estimate,
    say_interrupted,
)
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.claims.checking import CheckedClaims, ClaimRequest
    from harness.claims.ledger import JudgedClaim
    from harness.executors.base import ExecutorOptions
    from harness.plugins.loading import Plugins

__all__ = ["claim"]

EXIT_PROBLEMS = 1


@click.command(
    epilog=examples(
        "harness claim onnas",
        "harness claim onnas memory-darts",
        "harness claim onnas --run --budget small",
    )
)
@click.argument("method", required=False)
@click.argument("name", required=False)
@click.option(
    "--from",
    "folders",
    multiple=True,
    type=UserPath(),
    help="A run folder to judge by, or a folder that holds some; can be repeated.  [default: "
    "results/reference, and what --run has left]",
)
@click.option(
    "--run",
    "runs",
    is_flag=True,
    help="First run the trials that the claims need and that are missing.",
)
@click.option(
    "--budget", help="With --run: a named budget, key=value pairs, or both.  [default: small]"
)
@output_option(
    "With --run: the run folder.  [default: results/claims/METHOD]", UserPath(file_okay=False)
)
@executor_options("With --run: trials side by side on this machine.  [default: 1]")
@data_root_option
@cache_root_option
@json_option
def claim(  # noqa: PLR0913 - one parameter an option
    *,
    method: str | None,
    name: str | None,
    folders: tuple[Path, ...],
    runs: bool,
    budget: str | None,
    output: Path | None,
    jobs: int | None,
    executor: Literal["local", "dask"],
    scheduler: str | None,
    data_root: Path | None,
    cache_root: Path,
    as_json: bool,
) -> None:
    """List published claims about methods, and check whether they hold.

    Without METHOD, claims are listed. With it, each claim about the method gets a verdict: it
    holds, does not hold, is not shown either way, or is not checkable here. With NAME, one claim is
    shown in full: harness claim onnas memory-darts.

    Memory and storage are estimated from shapes where no run has counted them. Accuracy and
    measured times need trials, which --run makes at a budget; it goes on where it stopped.
    """
    # They import pydantic, which `--help` need not wait for.
    from harness.claims.checking import ClaimRequest, check_claims  # noqa: PLC0415 - see above
    from harness.executors.base import ExecutorOptions  # noqa: PLC0415 - see above

    plugins = loaded_plugins()
    if not runs and (budget is not None or output is not None):
        raise UsageError("--budget and --output say how to run; give --run with them")
    if method is None:
        if runs or folders:
            raise UsageError("name the method whose claims to check, such as onnas")
        _list(plugins, as_json=as_json)
        return
    request = ClaimRequest(
        method=method,
        name=name,
        folders=folders or None,
        output=output,
        data_root=data_root,
        cache_root=cache_root,
    )
    status = 0
    if runs:
        status = _run(plugins, request, budget, ExecutorOptions(jobs, executor, scheduler))
    checked = check_claims(plugins, request, say_estimate)
    _show(checked, request, as_json=as_json)
    for problem in checked.problems:
        say(f"Warning: {problem}")
    raise SystemExit(status or (EXIT_PROBLEMS if checked.problems else 0))


def _list(plugins: Plugins, *, as_json: bool) -> None:
    from harness.claims.ledger import claims_of_plugins  # noqa: PLC0415 - see above
    from harness.reports.claim_tables import claims_table  # noqa: PLC0415 - see above
    from harness.reports.terminal import print_tables  # noqa: PLC0415 - see above

    claims = claims_of_plugins(plugins, complain=lambda why: say(f"Warning: {why}"))
    if as_json:
        print_json([{"name": each.name, **each.claim.model_dump(mode="json")} for each in claims])
    elif claims:
        print_tables([claims_table(claims)], result_console())
    else:
        say("No plugin registers claims.")


def _run(
    plugins: Plugins, request: ClaimRequest, budget: str | None, executor: ExecutorOptions
) -> int:
    """Run what is missing; return the exit status."""
    from harness.api.progress import interruptible_progress  # noqa: PLC0415 - as above
    from harness.claims.checking import run_missing  # noqa: PLC0415 - imports the trials' rooms

    result = run_missing(
        plugins, request, budget, executor, progress=interruptible_progress, say=say
    )
    if result is None:
        return 0
    say(f"Records are in {result.folder}")
    if result.interrupted:
        return say_interrupted()
    return EXIT_PROBLEMS if result.has_failed else 0


def _show(checked: CheckedClaims, request: ClaimRequest, *, as_json: bool) -> None:
    from harness.reports.claim_tables import ledger_tables  # noqa: PLC0415 - see above
    from harness.reports.terminal import print_tables  # noqa: PLC0415 - see above

    if as_json:
        told = [each.to_json() for each in checked.judged]
        print_json(
            {"method": request.method, "from": list(map(str, request.sources)), "claims": told}
        )
    elif request.name is None:
        print_tables(ledger_tables(checked.judged, brief=True), result_console())
    else:
        for each in checked.judged:
            click.echo("\n".join(_in_full(each)))


def _in_full(judged: JudgedClaim) -> Iterator[str]:
    """Give the lines of one claim."""
    from harness.reports.claim_tables import facts_of  # noqa: PLC0415 - see above

    yield f"{judged.named.claim.method} {judged.named.name}: {judged.verdict}"
    yield f"  {judged.named.claim.statement}"
    yield ""
    for key, text in facts_of(judged):
        yield f"  {key:<10} {text}"
