"""The house holds: no circles, no private doors, no name for two things, no crowd of small rooms.

All of it is computed from the sources. What is known not to hold yet stands in a list here, which
may only get shorter.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import harness

HOST = Path(harness.__file__).parent
PLUGINS = HOST.parent / "plugins"
PRIVATE = "harness.measure.dispatch"  # alone depends on torch's private names

LONGEST = 300

# The rooms that run trials, and what only looks at shapes.
RUNNING = {
    "harness.planning", "harness.loop", "harness.trials", "harness.pretraining",
    "harness.executors",
}  # fmt: skip
BELOW_ESTIMATE = {"harness.estimates", "harness.tracing"}

SMALL = 60  # lines
MOST_MODULES, MOST_SMALL, MOST_LONE = 260, 20, 60


@dataclass(frozen=True)
class Module:
    """A module of the host or of a built-in plugin, as its source tells."""

    name: str
    path: Path

    @cached_property
    def source(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def lines(self) -> int:
        return len(self.source.splitlines())

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def package(self) -> str:
        """The folder that it is in; what lies directly in `harness` stands for itself."""
        parent = self.name.rpartition(".")[0]
        return self.name if self.is_package or parent == "harness" else parent


@cache
def modules() -> dict[str, Module]:
    """Return all modules by their dotted names."""
    found = {}
    for root in (HOST, *sorted(PLUGINS.glob("*/harness_*"))):
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root.parent).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(name, path)
    return found


def imported_names(tree: ast.AST, *, late: bool = True) -> Iterator[str]:
    """Give the dotted name of everything that a module imports.

    With `late`, what functions import, and what only serves types, is given too.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif late or not _is_late(node):
            yield from imported_names(node, late=late)


def _is_late(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


@cache
def imports(name: str, *, late: bool) -> set[str]:
    """Return the modules of ours that one of them imports."""
    found = set()
    for imported in imported_names(modules()[name].tree, late=late):
        owner = imported if imported in modules() else imported.rpartition(".")[0]
        if owner in modules() and owner != name:
            found.add(owner)
    return found


def importers() -> Mapping[str, set[str]]:
    """Return for each module those that import it."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in modules():
        for imported in imports(name, late=True):
            found[imported].add(name)
    return found


def package_imports(*, late: bool) -> Mapping[str, set[str]]:
    """Return for each package the others that it imports."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, module in modules().items():
        packages = {modules()[imported].package for imported in imports(name, late=late)}
        found[module.package] |= packages - {module.package}
    return found


def is_in(package: str, rooms: Iterable[str]) -> bool:
    return any(package == room or package.startswith(f"{room}.") for room in rooms)


def dotted(node: ast.AST) -> str:
    """Spell an attribute chain such as `torch._C.x`; empty if it is something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (start := dotted(node.value)):
        return f"{start}.{node.attr}"
    return ""


def private_torch_names(tree: ast.Module) -> set[str]:
    names = {*imported_names(tree), *map(dotted, ast.walk(tree))}
    return {
        name
        for name in names
        if name.split(".")[0] == "torch"
        and any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
    }


def test_host_imports_no_plugin() -> None:
    """No module of the host imports a plugin package, not even inside a function."""
    ties = {
        (name, imported)
        for name, module in modules().items()
        if name.split(".")[0] == "harness"
        for imported in imported_names(module.tree)
        if imported.startswith("harness_")
    }
    assert not ties


def test_nothing_is_built_on_the_command_line() -> None:
    """Commands call what works, and what works knows no command; Python calls it as well."""
    users = {
        name
        for name in modules()
        if not is_in(name, ["harness.cli"])
        and any(is_in(each, ["harness.cli"]) for each in imports(name, late=True))
    }
    assert users == {"harness.__main__"}


def test_only_one_module_uses_private_torch() -> None:
    """Torch's private names may change with any release, so one module alone depends on them."""
    users = {name for name, module in modules().items() if private_torch_names(module.tree)}
    assert users == {PRIVATE}


@pytest.mark.parametrize(
    "source",
    [
        "from torch.utils._python_dispatch import TorchDispatchMode",
        "import torch._C",
        "import torch\ndef f(): return torch._C._cuda",
    ],
)
def test_private_use_is_seen(source: str) -> None:
    """The check itself finds imports and attributes."""
    assert private_torch_names(ast.parse(source))


def test_modules_import_each_other_in_one_direction() -> None:
    """No module needs, while it is imported, one that needs it."""
    graph = {name: imports(name, late=False) for name in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_packages_import_each_other_in_one_direction() -> None:
    """Packages that import each other, however long the way, are one package in several folders."""
    try:
        TopologicalSorter(package_imports(late=False)).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_trials_and_estimates_stand_apart() -> None:
    """What runs trials imports no estimate, and an estimate runs no trial, not even late."""
    graph = package_imports(late=True)
    running = {*RUNNING, "harness.runtime"}
    for package, others in graph.items():
        if is_in(package, running):
            assert not [each for each in others if is_in(each, ["harness.estimates"])], package
        if is_in(package, BELOW_ESTIMATE):
            assert not [each for each in others if is_in(each, RUNNING)], package


def test_cost_models_are_below_what_uses_them() -> None:
    """Only calibration, which measures and estimates, knows more than the profile of a device."""
    graph = package_imports(late=True)
    assert graph["harness.cost_model"] == {"harness.errors"}
    calibrate = "harness.cost_model.calibrate"
    users = {package for package, others in graph.items() if calibrate in others}
    assert users <= {"harness.api", "harness.cli"}


def test_modules_are_short() -> None:
    """No module is longer than a reader takes in."""
    too_long = {name: each.lines for name, each in modules().items() if each.lines > LONGEST}
    assert not too_long


def test_no_class_name_means_two_things() -> None:
    """A reader who has met a class need not ask which one is meant."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, module in modules().items():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(name)
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert not twice


def test_rooms_are_few_and_not_small(record_property: Callable[[str, object], None]) -> None:
    """What one module alone uses is at home there; commands and rules are called by their names."""
    counted = {name: each for name, each in modules().items() if not each.is_package}
    small = [name for name, each in counted.items() if each.lines < SMALL]
    users = importers()
    lone = [
        name
        for name in counted
        if len(users[name]) == 1 and not is_in(name, ["harness.conformance", "harness.cli"])
    ]
    figures = {"modules": len(counted), "small": len(small), "imported by one": len(lone)}
    print(figures)  # noqa: T201 - shown by `pytest -s`
    for name, figure in figures.items():
        record_property(name, figure)
    assert len(counted) <= MOST_MODULES
    assert len(small) <= MOST_SMALL, small
    assert len(lone) <= MOST_LONE, lone


def test_recipes_name_files_that_are_there() -> None:
    """CONTRIBUTING.md says how to add nine kinds of things, by files that there are."""
    text = (HOST.parent / "CONTRIBUTING.md").read_text("utf-8")
    recipes = dict(re.findall(r"\*\*To add an? (\w+)\*\*(.*?)(?=\n- \*\*|\n\n)", text, re.S))
    kinds = {"metric", "operation", "command", "method", "space", "search", "device", "suite"}
    assert set(recipes) == kinds | {"claim"}
    for what, recipe in recipes.items():
        files = re.findall(r"`((?:harness|plugins|docs)/[\w/.-]+)`", recipe)
        assert files, what
        assert [each for each in files if not (HOST.parent / each).exists()] == []


def test_glossary_names_what_there_is() -> None:
    """Each word of the glossary stands for a class, a function or a module of the code."""
    text = (HOST.parent / "docs" / "glossary.md").read_text("utf-8")
    places = re.findall(r"\| `(harness[\w.]*)` \|", text)
    assert len(places) >= 30
    for place in places:
        module, _, name = place.rpartition(".")
        source = modules().get(place) or modules().get(module)
        assert source is not None, place
        assert place in modules() or _defines(source.tree, name), place


def _defines(tree: ast.Module, name: str) -> bool:
    """Tell whether a module defines a class, a function or a constant."""
    return any(
        isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name
        for node in tree.body
    ) or any(
        isinstance(target, ast.Name) and target.id == name
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    )


def test_map_names_every_folder() -> None:
    """The map in CONTRIBUTING.md has a row for each folder of the host, and for no other."""
    text = (HOST.parent / "CONTRIBUTING.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in row.split("`")[1::2]}
    folders = {f"harness/{path.name}" for path in HOST.iterdir() if (path / "__init__.py").exists()}
    assert folders <= named
    assert not [name for name in named if not (HOST.parent / name).exists()]
