"""Estimates that are kept on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.contracts import DataRequest
from harness.cost_model.profile import Kernel
from harness.estimates import cache as estimate_cache
from harness.estimates import estimates
from harness.estimates.cache import EstimateCache, EstimatedCosts
from harness.estimates.estimates import Estimate, estimate_all, plan_searches
from harness.experiment.suite import SuiteEntry
from harness.plugins.loading import Plugins, load_plugins
from harness.tracing.search import Search

KERNELS = {Kernel("pooling", 12, 48, True): 7, Kernel("dense", 2**40, 8): 1}
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


def test_a_changed_line_makes_another_key(
    plugins: Plugins, search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sources of the harness and of methods are a part of the key."""
    EstimateCache(plugins, tmp_path, pytest.fail).keep(search, COSTS)
    digest_of = estimate_cache._sources_digest

    def changed(package: str) -> str:
        return digest_of(package) + ("+" if package == "harness_baselines" else "")

    monkeypatch.setattr(estimate_cache, "_sources_digest", changed)
    assert EstimateCache(plugins, tmp_path, pytest.fail).find(search) is None


def test_sources_of_a_package_and_of_a_module_differ_by_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module in a folder, and one alone, both count."""
    monkeypatch.syspath_prepend(tmp_path)
    module, package = tmp_path / "methods_alone.py", tmp_path / "methods_together"
    package.mkdir()
    for path in (module, package / "inner.py"):
        path.write_text("a = 1\n")
    names = "methods_alone", "methods_together"
    before = [estimate_cache._sources_digest(name) for name in names]
    for path in (module, package / "inner.py"):
        path.write_text("a = 2\n")
    after = [estimate_cache._sources_digest(name) for name in names]
    assert all(old != new for old, new in zip(before, after, strict=True))


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
    (file,) = tmp_path.rglob("*.json")
    file.write_bytes(content)
    made = Estimate(search, 4096, 1024, 512, KERNELS)
    monkeypatch.setattr(estimates, "estimate", lambda *_, **__: made)
    (found,) = estimate_all([search], lambda _: None, cache=cache)
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
    assert estimate_all([search], lambda _: None, cache=cache)[0].error == "no"
    assert not list(tmp_path.rglob("*.json"))
