"""What the calls share: arguments as people give them, plugins, and what shows progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.plugins.loading import Plugins
    from harness.trials.record_writer import RunListener

__all__ = [
    "Names",
    "Seeds",
    "cache_folder",
    "data_folder",
    "ignore",
    "listeners",
    "path_of",
    "plugins_here",
    "request_fields",
    "say_on_stderr",
    "seeds_text",
    "teller",
]

Names = str | Sequence[str]
Seeds = int | str | Iterable[int]


def plugins_here() -> Plugins:
    """Load the plugins of this environment."""
    from harness.plugins.loading import load_plugins  # noqa: PLC0415 - see the module

    return load_plugins()


def request_fields(
    suite: str | Path | None,
    data_root: str | Path | None,
    cache_root: str | Path | None,
    **wanted: Any,
) -> dict[str, Any]:
    """Return the fields of a `PlanRequest` for what was given; one name stands for a list of it."""
    listed = {"methods", "datasets", "devices"}
    return {
        "suite": None if suite is None else str(suite),
        "wanted": {
            key: [value] if key in listed and isinstance(value, str) else value
            for key, value in wanted.items()
            if value is not None
        },
        "data_root": data_folder(data_root),
        "cache_root": cache_folder(cache_root),
    }


def seeds_text(seeds: Seeds | None) -> str | None:
    """Return seeds as the command line writes them; None if none were given."""
    if seeds is None or isinstance(seeds, str):
        return seeds
    return ",".join(map(str, [seeds] if isinstance(seeds, int) else seeds))


def data_folder(given: str | Path | None) -> Path | None:
    """Return where data sets are: as given, or what `HARNESS_DATA` says; None if neither does."""
    named = given or os.environ.get("HARNESS_DATA")
    return path_of(named) if named else None


def cache_folder(given: str | Path | None) -> Path:
    """Return where things are kept between calls: what was given, or what the environment says."""
    from harness.system.folders import user_cache  # noqa: PLC0415 - see the module

    return path_of(given or os.environ.get("HARNESS_CACHE") or user_cache())


def path_of(given: str | Path) -> Path:
    """Return a path as people write it, with `~` and variables expanded."""
    from harness.system.folders import expanded  # noqa: PLC0415 - see the module

    return expanded(Path(given))


def say_on_stderr(sentence: str) -> None:
    """Say a sentence as commands do."""
    from harness.system.streams import tell  # noqa: PLC0415 - see the module

    tell(sentence)


def ignore(_: object) -> None:
    """Pass over what would be said."""


def teller(*, progress: bool) -> Callable[[str], None]:
    """Return what says sentences; it is silent without `progress`."""
    return say_on_stderr if progress else ignore


def listeners(
    *, progress: bool
) -> tuple[Callable[[int], AbstractContextManager[RunListener]], Callable[[str], None]]:
    """Return what shows trials, and what says sentences; both are silent without `progress`."""
    from harness.api.progress import interruptible_progress  # noqa: PLC0415 - see the module
    from harness.trials.record_writer import SilentListener  # noqa: PLC0415 - see the module

    if progress:
        return interruptible_progress, say_on_stderr
    return lambda _: nullcontext(SilentListener()), ignore
