"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.runtime.user_cache import user_cache

__all__ = ["cache_root_option", "data_root_option", "json_option"]

Function = TypeVar("Function", bound=Callable[..., Any])

_FOLDER = click.Path(file_okay=False, path_type=Path)


def json_option(function: Function) -> Function:
    """Add `--json`, which arrives as `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(
        function
    )


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
