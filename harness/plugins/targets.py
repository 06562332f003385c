"""Imports the targets that plugins have registered; until then their own code is not imported."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from functools import reduce
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import PluginError
from harness.plugins.loading import in_one_line
from harness.plugins.registry import Entry

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["load_parameters", "load_target", "suite_path"]


def load_target(entry: Entry) -> Any:
    """Import the target of a method, dataset or device.

    Raises:
        PluginError: it cannot be imported, or cannot be called.
    """
    target = _import(entry, entry.target, "target")
    if not callable(target):
        raise PluginError(f"{entry.plugin}: the target '{entry.target}' of {entry} is not a class")
    return target


def load_parameters(entry: Entry) -> type[BaseModel] | None:
    """Import the parameters model of an entry; None if it takes no parameters.

    Raises:
        PluginError: it cannot be imported, is no pydantic model, or has a field that JSON has no
            word for.
    """
    from pydantic import BaseModel  # noqa: PLC0415 - slow to import, and few commands need it
    from pydantic.errors import PydanticUserError  # noqa: PLC0415 - as above

    if entry.parameters is None:
        return None
    model = _import(entry, entry.parameters, "parameters model")
    where = f"{entry.plugin}: the parameters model '{entry.parameters}' of {entry}"
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginError(f"{where} is not a pydantic model")
    try:
        model.model_json_schema()
    except PydanticUserError as error:
        raise PluginError(f"{where} cannot be described: {in_one_line(error)}") from error
    return model


def suite_path(entry: Entry) -> Path:
    """Return where the TOML file of a suite lies.

    Raises:
        PluginError: its package cannot be imported, or there is no such file.
    """
    module, _, name = entry.target.partition(":")
    where = f"{entry.plugin}: the file '{entry.target}' of {entry}"
    try:
        path = files(module).joinpath(name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{where} cannot be found: {in_one_line(error)}") from error
    if not isinstance(path, Path) or not path.is_file():
        raise PluginError(f"{where} is not there")
    return path


def _import(entry: Entry, target: str, role: str) -> Any:
    """Import `"module:attribute"`; whatever goes wrong there is the plugin's fault, and said so."""
    module, _, attribute = target.partition(":")
    try:
        with redirect_stdout(sys.stderr):  # standard output is for results
            return reduce(getattr, attribute.split("."), import_module(module))
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{entry.plugin}: the {role} '{target}' of {entry} cannot be imported: "
            f"{in_one_line(error)}"
        ) from error
