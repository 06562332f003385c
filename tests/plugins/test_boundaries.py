"""The host knows no plugin by name, and keeps torch's private API in one module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness

HOST = Path(harness.__file__).parent
PARTS = ("onnas", "baselines", "datasets", "devices", "reporters")
PLUGIN_PACKAGES = {f"harness_{part}" for part in PARTS}
PRIVATE = Path("measure", "dispatch.py")


def host_modules() -> list[Path]:
    return sorted(HOST.rglob("*.py"))


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Give the dotted name of everything that a module imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(node: ast.AST) -> str:
    """Spell an attribute chain such as `torch._C.x`; empty if it is something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (start := dotted(node.value)):
        return f"{start}.{node.attr}"
    return ""


def private_torch_names(source: str) -> set[str]:
    tree = ast.parse(source)
    names = {*imported_names(tree), *map(dotted, ast.walk(tree))}
    return {
        name
        for name in names
        if name.split(".")[0] == "torch"
        and any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
    }


@pytest.mark.parametrize("path", host_modules(), ids=lambda path: str(path.relative_to(HOST)))
def test_host_imports_no_plugin(path: Path) -> None:
    """No module of the host imports a plugin package, not even inside a function."""
    packages = {name.split(".")[0] for name in imported_names(ast.parse(path.read_text("utf-8")))}
    assert not packages & PLUGIN_PACKAGES


@pytest.mark.parametrize("path", host_modules(), ids=lambda path: str(path.relative_to(HOST)))
def test_only_one_module_uses_private_torch(path: Path) -> None:
    """Torch's private names may change with any release, so one module alone depends on them."""
    if path.relative_to(HOST) != PRIVATE:
        assert not private_torch_names(path.read_text("utf-8"))


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
    assert private_torch_names(source)
