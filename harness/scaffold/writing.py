"""Derives a new plugin's names, and writes its package from templates, whole or not at all."""

from __future__ import annotations

import keyword
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from harness import __version__
from harness.errors import PluginError, UsageError
from harness.plugins.loading import Plugins
from harness.plugins.registry import Kind, check_name

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["OPTION_OF", "choose_names", "next_commands", "write_plugin"]


@dataclass(frozen=True)
class _PluginNames:
    """The names of a new plugin.

    Attributes:
        kind: method, dataset, device or space.
        name: of what it registers, of its entry point and of its distribution: `my-method`.
        module: of its package: `my_method`.
        class_name: of the class that it begins with: `MyMethod`.
    """

    kind: Kind
    name: str
    module: str
    class_name: str


def choose_names(plugins: Plugins, kind: Kind, name: str) -> _PluginNames:
    """Derive all names from one.

    Raises:
        UsageError: a plugin may not register that name, or it is taken; the message says by whom.
    """
    try:
        check_name(kind, name)
    except PluginError:
        raise UsageError(
            f"{name!r} is not a valid name for a {kind}; a name is lower-case letters, digits and "
            "single hyphens, starts with a letter, and is not 'all', such as my-idea"
        ) from None
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        raise UsageError(f"'{name}' is a Python keyword, so no module can have that name")
    if holder := _holder(plugins, kind, name, module):
        raise UsageError(f"the name '{name}' is taken by {holder}; choose another")
    class_name = "".join(word.capitalize() for word in name.split("-"))
    return _PluginNames(kind, name, module, class_name)


def _holder(plugins: Plugins, kind: Kind, name: str, module: str) -> str:
    """Say what has a name already; empty if nothing has."""
    if plugins.registry.knows(kind, name):
        return f"a {kind}, see `harness show {name}`"
    known = [*plugins.sources, *(problem.plugin for problem in plugins.problems)]
    for source in known:
        if source.name == name:
            return str(source)
    try:
        return f"the distribution {name} {distribution(name).version}, which is installed"
    except PackageNotFoundError:
        pass
    if module in sys.stdlib_module_names or find_spec(module) is not None:
        return f"the module '{module}', which can be imported already"
    return ""


SUFFIX = ".jinja"
PACKAGE = "package"  # what the templates call the folder of the module
SHARED = "pyproject.toml"
OPTION_OF: dict[Kind, str] = {
    "method": "-m",
    "dataset": "--dataset",
    "device": "-d",
    "space": "--space",
}


def next_commands(names: _PluginNames, folder: str, methods: Sequence[str]) -> list[str]:
    """Return the commands that lead from the new package to a comparison.

    Args:
        names: of the plugin.
        folder: that it is in, as a path with a slash, or `.`.
        methods: others, to compare with or on.
    """
    chosen = [f"-m {method}" for method in methods]
    run = ["harness run", f"{OPTION_OF[names.kind]} {names.name}", *chosen, "-o comparison"]
    return [
        f"pip install -e {shlex.quote(folder)}",
        f"harness plugins check {names.name}",
        " ".join(run),
        "harness report comparison",
    ]


def write_plugin(names: _PluginNames, folder: Path, methods: Sequence[str]) -> list[Path]:
    """Write the package of a plugin into a new folder.

    Args:
        names: of the plugin.
        folder: that is made for it.
        methods: others, which its README compares with or on.

    Returns:
        The files that were written, in order.

    Raises:
        UsageError: the folder is there already, or cannot be written.
    """
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"'{folder}' is there already and is not overwritten; use --output")
    rendered = _render(names, next_commands(names, ".", methods))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".harness-new-") as scratch:
            made = Path(scratch) / folder.name
            for path, text in rendered.items():
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                (made / path).write_text(text, encoding="utf-8")
            shutil.move(made, folder)
    except OSError as error:
        raise UsageError(f"'{folder}' cannot be written: {error.strerror or error}") from None
    return [folder / path for path in rendered]


def _render(names: _PluginNames, commands: Sequence[str]) -> dict[PurePosixPath, str]:
    """Return the text of every file by its path in the package."""
    environment = Environment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python, TOML and Markdown, from a name of [a-z0-9-] alone
    )
    told = {
        "kind": names.kind,
        "name": names.name,
        "module": names.module,
        "class_name": names.class_name,
        "harness_version": __version__,
        "commands": commands,
    }
    templates = files("harness.scaffold") / "templates"
    found = _templates(templates / names.kind) | {SHARED: templates / f"{SHARED}{SUFFIX}"}
    return {
        _place(path, names.module): environment.from_string(
            template.read_text(encoding="utf-8")
        ).render(told)
        for path, template in sorted(found.items())
    }


def _place(path: str, module: str) -> PurePosixPath:
    first, *rest = PurePosixPath(path).parts
    return PurePosixPath(module if first == PACKAGE else first, *rest)


def _templates(folder: Traversable, prefix: str = "") -> dict[str, Traversable]:
    found: dict[str, Traversable] = {}
    for each in folder.iterdir():
        if each.is_dir():
            found |= _templates(each, f"{prefix}{each.name}/")
        elif each.name.endswith(SUFFIX):
            found[prefix + each.name.removesuffix(SUFFIX)] = each
    return found
