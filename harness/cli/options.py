"""Options that several commands share: what is run, where, and from which folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.errors import UsageError
from harness.system.folders import expanded, user_cache
from harness.system.text import split_outside_brackets

__all__ = [
    "Function",
    "Names",
    "UserPath",
    "budget_option",
    "cache_root_option",
    "data_root_option",
    "dataset_map_option",
    "dataset_option",
    "device_option",
    "evaluation_option",
    "executor_options",
    "given",
    "json_option",
    "limits_option",
    "memory_option",
    "method_option",
    "mode_option",
    "objective_option",
    "on_option",
    "output_option",
    "queries_option",
    "recipe_option",
    "seed_option",
    "shared_classes_option",
    "shots_option",
    "space_option",
    "ways_option",
]

Function = TypeVar("Function", bound=Callable[..., Any])


class UserPath(click.Path):
    """A path in which `~` is expanded, also after an equals sign and in environment variables."""

    def __init__(self, **options: Any) -> None:
        """Take the options of `click.Path`; values arrive as `Path`."""
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, without the line ending that a script written on Windows adds to it."""
        try:
            path = expanded(Path(os.fspath(value).rstrip("\r\n")))
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return super().convert(path, param, ctx)


class AddressParameter(click.types.StringParamType):
    """The address of a board that is reached by ssh."""

    name = "ADDRESS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the address, read."""
        from harness.boards.connection import BoardAddress  # noqa: PLC0415 - only where one is given

        try:
            return BoardAddress.parsed(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)


class Names(click.types.StringParamType):
    """Names with parameters; in the environment blanks separate them, but not within brackets."""

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Return the names that an environment variable lists."""
        return split_outside_brackets(rv)


_FOLDER = UserPath(file_okay=False)


def json_option(function: Function) -> Function:
    """Add `--json`, which arrives as `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(
        function
    )


def output_option(words: str, path: click.Path, **more: Any) -> Callable[[Function], Function]:
    """Make `-o` and `--output`, which arrive as `output: Path | None`.

    Args:
        words: the help text.
        path: what it may name.
        more: whatever else `click.option` takes.
    """
    return click.option("-o", "--output", type=path, help=words, **more)


def data_root_option(function: Function) -> Function:
    """Add `--data-root`, which arrives as `data_root: Path | None`, not checked to be there."""
    return click.option(
        "--data-root",
        type=_FOLDER,
        envvar="HARNESS_DATA",
        show_envvar=True,
        help="Folder that holds data sets, as NAME/ or NAME.tar.gz.",
    )(function)


def cache_root_option(function: Function) -> Function:
    """Add `--cache-root`, which arrives as `cache_root: Path`; it need not exist."""
    return click.option(
        "--cache-root",
        type=_FOLDER,
        envvar="HARNESS_CACHE",
        show_envvar=True,
        default=user_cache,
        show_default="the user's cache folder",
        help="Folder where decoded images are kept between runs.",
    )(function)


method_option = click.option(
    "-m",
    "--method",
    "methods",
    multiple=True,
    type=Names(),
    envvar="HARNESS_METHOD",
    help="A method, such as onnas or 'onnas[q=1]', or a search; repeat the option, or say all.",
)
device_option = click.option(
    "-d",
    "--device",
    "devices",
    multiple=True,
    type=Names(),
    envvar="HARNESS_DEVICE",
    help="A device to run on or emulate; repeat the option, or say all.  [default: cpu]",
)
mode_option = click.option(
    "--mode",
    type=click.Choice(["measured", "emulated"]),
    envvar="HARNESS_MODE",
    help="Insist on the device itself, or on its emulation.  [default: measured where it is]",
)
dataset_option = click.option(
    "--dataset",
    "datasets",
    multiple=True,
    type=Names(),
    envvar="HARNESS_DATASET",
    help="A data set; repeat the option, or say all.  [default: glyphs]",
)
dataset_map_option = click.option(
    "--dataset-map",
    "dataset_map",
    multiple=True,
    metavar="NAME=DATASET",
    help="Use another data set in place of one that the suite names; can be repeated.",
)
ways_option = click.option(
    "--ways",
    type=click.IntRange(min=1),
    envvar="HARNESS_WAYS",
    help="Classes of an episode.  [default: 5]",
)
shots_option = click.option(
    "--shots",
    type=click.IntRange(min=1),
    envvar="HARNESS_SHOTS",
    help="Support images per class.  [default: 1]",
)
queries_option = click.option(
    "--queries",
    type=click.IntRange(min=1),
    envvar="HARNESS_QUERIES",
    help="Query images per class.  [default: 15]",
)
evaluation_option = click.option(
    "--evaluation",
    type=click.Choice(["inductive", "transductive", "both"]),
    envvar="HARNESS_EVALUATION",
    help="Judge query images one by one, or one of each class together.  [default: inductive]",
)
space_option = click.option(
    "--space",
    envvar="HARNESS_SPACE",
    help="The search space, one of `harness list spaces`.  [default: metanas]",
)
objective_option = click.option(
    "--objective",
    envvar="HARNESS_OBJECTIVE",
    help="What a search of a table optimises: accuracy; accuracy,latency for a front; or "
    "'accuracy*(latency/20)^-0.07'.  [default: accuracy]",
)
limits_option = click.option(
    "--limit",
    "limits",
    metavar="COST=MOST,...",
    envvar="HARNESS_LIMIT",
    help="What an answer may not exceed: latency (ms), flops (MFLOP), parameters (M).",
)
recipe_option = click.option(
    "--recipe",
    metavar="KEY=VALUE,...",
    envvar="HARNESS_RECIPE",
    help="How every method trains on a data set: batch_size, weight_lr, architecture_lr, "
    "schedule, augmentation.",
)
budget_option = click.option(
    "--budget",
    envvar="HARNESS_BUDGET",
    help="A named budget, key=value pairs, or both: small,tasks=5.  [default: quick]",
)
memory_option = click.option(
    "--count-memory/--no-count-memory",
    "counts_memory",
    default=None,
    help="Count memory, or skip that and measure time alone.  [default: count]",
)
shared_classes_option = click.option(
    "--allow-shared-classes",
    is_flag=True,
    default=None,
    help="Pretrain even on classes or images that are tested; records say so.",
)
seed_option = click.option(
    "--seed", "seeds", envvar="HARNESS_SEED", help="Seeds, such as 0-2 or 0,4.  [default: 0]"
)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Keep the options that were given; repeated ones come as tuples."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if value not in (None, ())
    }


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
        help="Address of the Dask scheduler, such as tcp://HOST:8786.",
    ),
)


def executor_options(jobs_help: str) -> Callable[[Function], Function]:
    """Add `--jobs`, `--executor` and `--scheduler`, which arrive by these names.

    Args:
        jobs_help: says what `--jobs` has side by side.
    """
    jobs = click.option(
        "-j", "--jobs", type=click.IntRange(min=1), envvar="HARNESS_JOBS", help=jobs_help
    )

    def add(function: Function) -> Function:
        for option in reversed((jobs, *_SCHEDULER)):
            function = option(function)
        return function

    return add


on_option = click.option(
    "--on",
    "address",
    type=AddressParameter(),
    help="Do it on a board that is reached by ssh, as ssh://user@board, which has harness, too.",
)
