"""The names of a new plugin, and whether they are still to be had."""

from __future__ import annotations

import keyword
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

from harness.errors import PluginError, UsageError
from harness.plugins.loading import Plugins
from harness.plugins.registry import Kind, check_name

__all__ = ["PluginNames", "choose_names"]


@dataclass(frozen=True)
class PluginNames:
    """What a new plugin is called where.

    Attributes:
        kind: method, dataset or device.
        name: of what it registers, of its entry point and of its distribution: `my-method`.
        module: of its package: `my_method`.
        class_name: of the class that it begins with: `MyMethod`.
    """

    kind: Kind
    name: str
    module: str
    class_name: str


def choose_names(plugins: Plugins, kind: Kind, name: str) -> PluginNames:
    """Derive all names from one.

    Raises:
        UsageError: it is no name that a plugin may register, or it is taken; the message says by
            whom.
    """
    try:
        check_name(kind, name)
    except PluginError:
        raise UsageError(
            f"{name!r} is no name for a {kind}; a name is lower-case letters, digits and single "
            "hyphens, starts with a letter, and is not 'all', such as my-idea"
        ) from None
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        raise UsageError(f"'{name}' is a word of Python's; no module can have it for a name")
    if holder := _holder(plugins, kind, name, module):
        raise UsageError(f"the name '{name}' is taken by {holder}; choose another")
    class_name = "".join(word.capitalize() for word in name.split("-"))
    return PluginNames(kind, name, module, class_name)


def _holder(plugins: Plugins, kind: Kind, name: str, module: str) -> str:
    """Say who has a name already; empty where nobody has."""
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
