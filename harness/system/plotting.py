"""Imports matplotlib and draws with its own defaults, whatever the person's settings are.

The backend of a notebook, or of a screen that is not there, and a `matplotlibrc` in the working
folder or the home, could each end a command or change what is drawn.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["BACKEND", "drawn_with", "fonts_folder", "own_settings"]

BACKEND, FILE = "MPLBACKEND", "MATPLOTLIBRC"

# Settings of the process, not of a drawing; matplotlib itself does not reset the first either.
PROCESS_WIDE = {"backend", "backend_fallback", "interactive"}


def fonts_folder() -> Path | None:
    """Return the folder of matplotlib's fonts without importing it; None if there is none."""
    data = _data_folder()
    return None if data is None else data / "fonts" / "ttf"


def _data_folder() -> Path | None:
    spec = find_spec("matplotlib")
    folders = spec.submodule_search_locations if spec is not None else None
    return next((Path(folder) / "mpl-data" for folder in folders or ()), None)


@contextmanager
def own_settings() -> Iterator[None]:
    """Let matplotlib be imported within the context with its defaults, and without a screen.

    Afterwards others who draw in this process, as in a notebook, have the settings that the
    environment asks for. If matplotlib was imported before, nothing changes.
    """
    data = _data_folder()
    if data is None or "matplotlib" in sys.modules:
        yield
        return
    before = {name: os.environ.get(name) for name in (BACKEND, FILE)}
    os.environ |= {BACKEND: "agg", FILE: str(data / "matplotlibrc")}
    try:
        with _working_in(data):  # a file of settings in the working folder would go first
            import_module("matplotlib")
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        _give_back(before[BACKEND])


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    """Change the working folder for a moment, and back even if it has been removed meanwhile."""
    if not hasattr(os, "fchdir"):  # Windows
        yield
        return
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def _give_back(backend: str | None) -> None:
    """Apply the settings that the environment asks for; if they are invalid, keep the defaults."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what is wrong with a file is for those who use it to see
    try:
        with suppress(Exception):
            import matplotlib as mpl  # noqa: PLC0415 - only now, see above

            mpl.rcParams.update(mpl.rc_params())
            if backend:
                mpl.rcParams["backend"] = backend
    finally:
        log.setLevel(level)


@contextmanager
def drawn_with(style: Mapping[str, Any]) -> Iterator[None]:
    """Draw within the context with matplotlib's defaults and a style, not the person's settings."""
    import matplotlib as mpl  # noqa: PLC0415 - slow, and only for those who draw

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of settings that go with a later release
        changed = {
            key: default
            for key, default in mpl.rcParamsDefault.items()
            if key not in PROCESS_WIDE and mpl.rcParams[key] != default
        }
    settings: dict[Any, Any] = {**changed, **style}
    with mpl.rc_context(settings):
        yield
