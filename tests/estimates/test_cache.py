"""Estimates that are kept on disk."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness.contracts import DataRequest
from harness.cost_model.profile import Kernel
from harness.estimates import cache as estimate_cache
from harness.estimates import estimates
from harness.estimates.cache import EstimateCache, EstimatedCosts
from harness.estimates.estimates import Estimate, estimate_all, plan_searches
from harness.experiment.suite import SuiteEntry
from harness.plugins.loading import Plugins, load_plugins
from harness.runtime import sources
from harness.runtime.sources import files_of
from harness.tracing.search import Search

KERNELS = {Kernel("pooling", 12, 48, True): 7, Kernel("dense", 2**40, 8): 1}
NOT_COUNTED = {
    "data/images",
    "devices/profile",
    "errors",
    "experiment/objective",
    "experiment/outcome",
    "experiment/suite",
    "experiment/trial",
    "fields",
    "loop/episode",
    "loop/guards",
    "metrics",
    "models/folder",
    "models/model",
    "plugins/loading",
    "plugins/registry",
    "plugins/selection",
    "plugins/spaces",
    "runtime/forkserver",
    "runtime/interpreters",
    "runtime/sources",
    "system/files",
    "trials/few_shot",
    "trials/runner",
    "trials/session",
}
COSTS = EstimatedCosts.of(4096, 1024, 512, KERNELS)


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture(scope="module")
def search(plugins: Plugins) -> Search:
    entry = SuiteEntry(methods=["darts"], devices=["jetson"], budget="quick,channels=4")
    (found,) = plan_searches(plugins, [entry], DataRequest(None, Path(), print))
    return found


def test_what_was_kept_is_found_by_the_next_command(
    plugins: Plugins, search: Search, tmp_path: Path
) -> None:
    """Bytes, and kernels in their order, since seconds are added up in it."""
    EstimateCache(plugins, tmp_path, pytest.fail).keep(search, COSTS)
    found = EstimateCache(plugins, tmp_path, pytest.fail).find(search)
    assert found == COSTS
    assert list(found.launches().items()) == list(KERNELS.items())


def test_any_part_of_a_search_makes_another_key(
    plugins: Plugins, search: Search, tmp_path: Path
) -> None:
    """A parameter, a shape, the budget, the seed or the cost model changes what is looked for."""
    cache = EstimateCache(plugins, tmp_path, pytest.fail)
    cache.keep(search, COSTS)
    others = [
        replace(search, params={**search.params, "micro_batches": 2}),
        replace(search, form=search.form._replace(image_shape=(1, 30, 28))),
        replace(search, budget=search.budget.model_copy(update={"channels": 5})),
        replace(search, seed=1),
        replace(search, devices=()),
    ]
    assert not any(map(cache.find, others))


@pytest.mark.parametrize(
    ("package", "file", "is_known"),
    [
        ("harness", "reports/tables.py", True),
        ("harness", "cli/costs.py", True),
        ("harness_onnas", "onnas.py", True),
        ("harness", "tracing/shapes.py", False),
        ("harness", "space/cell.py", False),
        ("harness_baselines", "darts.py", False),
    ],
)
def test_a_changed_line_makes_another_key_if_bytes_can_depend_on_it(
    plugins: Plugins,
    search: Search,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    file: str,
    is_known: bool,
) -> None:
    """A report's or another method's does not; one of what is traced, or traces, does."""
    EstimateCache(plugins, tmp_path / "cache", pytest.fail).keep(search, COSTS)
    changed = tmp_path / "changed.py"

    def files_with_a_change(name: str, *suffixes: Collection[str]) -> dict[str, Path]:
        files = files_of(name, *suffixes)
        if name == package:
            changed.write_text(files[f"{name}/{file}"].read_text("utf-8") + "\nchanged = 1\n")
            files[f"{name}/{file}"] = changed
        return files

    monkeypatch.setattr(sources, "files_of", files_with_a_change)
    monkeypatch.setattr(estimate_cache, "files_of", files_with_a_change)
    found = EstimateCache(plugins, tmp_path / "cache", pytest.fail).find(search)
    assert (found is not None) is is_known
    assert changed.exists() or package == "harness_onnas"  # which is not even read


def test_what_traces_imports_little_else() -> None:
    """What the key has, imports at its top nothing that is not in it, but for what is named here.

    That is what finds plugins, devices and data, runs trials, and says what went wrong: bytes do
    not depend on it, or the key has what it found.
    """
    host = Path(harness.__file__).parent
    traced = {
        name: path
        for name, path in files_of("harness", {".py"}).items()
        if name.removeprefix("harness/").startswith(estimate_cache.TRACED)
    }
    imported = {
        str(node.module).replace(".", "/")
        for path in traced.values()
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("harness.")
    }
    rest = {
        each.removeprefix("harness/")
        for each in imported
        if not {f"{each}.py", f"{each}/__init__.py"} & traced.keys()
    }
    assert all((host / each).with_suffix(".py").is_file() for each in rest)
    assert rest == NOT_COUNTED


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b'{"form": 2}', b"[]"])
def test_damaged_files_are_made_anew(
    content: bytes,
    plugins: Plugins,
    search: Search,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that was cut off or is of another form is as good as none."""
    cache = EstimateCache(plugins, tmp_path, pytest.fail)
    cache.keep(search, COSTS)
    (file,) = tmp_path.glob("estimates/*.json")
    file.write_bytes(content)
    made = Estimate(search, 4096, 1024, 512, KERNELS)
    monkeypatch.setattr(estimates, "estimate", lambda *_, **__: made)
    (found,) = estimate_all([search], lambda *_: None, cache=cache)
    assert found == made
    assert cache.find(search) == COSTS


def test_a_folder_that_cannot_be_written_to_is_told_once(
    plugins: Plugins, search: Search, tmp_path: Path
) -> None:
    """The estimate is there all the same."""
    (tmp_path / "estimates").write_text("no folder")
    said: list[str] = []
    cache = EstimateCache(plugins, tmp_path, said.append)
    cache.keep(search, COSTS)
    cache.keep(search, COSTS)
    (warning,) = said
    assert warning.startswith("warning: estimates are not kept: ")


def test_failed_estimates_are_not_kept(
    plugins: Plugins, search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed is tried again the next time."""
    monkeypatch.setattr(estimates, "estimate", lambda *_, **__: Estimate(search, error="no"))
    cache = EstimateCache(plugins, tmp_path, pytest.fail)
    assert estimate_all([search], lambda *_: None, cache=cache)[0].error == "no"
    assert not list(tmp_path.glob("estimates/*.json"))
