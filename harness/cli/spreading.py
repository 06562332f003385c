"""Options that say where trials run: one by one here, side by side here, or on other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from harness.errors import UsageError
from harness.plugins.loading import Plugins

if TYPE_CHECKING:
    from harness.executors.base import Executor

__all__ = ["Spread", "executor_of", "scheduler_options", "spreading_options"]

Function = TypeVar("Function", bound=Callable[..., Any])

_JOBS = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    envvar="HARNESS_JOBS",
    help="Trials side by side on this machine; their times then share its cores.  [default: 1]",
)

_SCHEDULER = (
    click.option(
        "--executor",
        type=click.Choice(["local", "dask"]),
        envvar="HARNESS_EXECUTOR",
        default="local",
        show_default=True,
        help="Run on this machine, or on the workers of a Dask scheduler.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        envvar="HARNESS_SCHEDULER",
        help="Of the Dask scheduler, such as tcp://HOST:8786.",
    ),
)


@dataclass(frozen=True)
class Spread:
    """What was said of where trials run."""

    jobs: int | None
    executor: Literal["local", "dask"]
    scheduler: str | None

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: two options contradict each other, or one is missing.
        """
        if self.executor == "dask" and self.scheduler is None:
            raise UsageError("--executor dask needs the scheduler's address: --scheduler tcp://...")
        if self.executor == "dask" and self.jobs is not None:
            raise UsageError(
                "--jobs is for this machine; with --executor dask there are as many trials side "
                "by side as there are workers"
            )
        if self.executor == "local" and self.scheduler is not None:
            raise UsageError("--scheduler is for --executor dask, which was not given")


def spreading_options(function: Function) -> Function:
    """Add `--jobs`, `--executor` and `--scheduler`."""
    return _JOBS(scheduler_options(function))


def scheduler_options(function: Function) -> Function:
    """Add `--executor` and `--scheduler`."""
    for option in reversed(_SCHEDULER):
        function = option(function)
    return function


@contextmanager
def executor_of(spread: Spread, plugins: Plugins) -> Iterator[Executor | None]:
    """Give what runs trials side by side; None where they are run one by one.

    Raises:
        HarnessError: options do not go together, or Dask or its scheduler is not there.
    """
    spread.check()
    if spread.executor == "local" and (spread.jobs or 1) == 1:
        yield None
        return
    # Imported here, since most runs need neither.
    from harness.executors.dask.link import Link, require_dask  # noqa: PLC0415 - see above

    if spread.scheduler is None:
        from harness.executors.local import Crew  # noqa: PLC0415 - see above

        require_dask("--jobs")
        yield Crew(plugins, spread.jobs or 1)
        return
    from harness.executors.dask.remote import RemoteWorkers  # noqa: PLC0415 - see above

    link = Link.to(spread.scheduler)
    try:
        yield RemoteWorkers(plugins, link)
    finally:
        link.close()
