"""An estimate's memory is what a run counts: to the byte, or within the range of the choices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.contracts import DataRequest, DatasetForm
from harness.estimates.estimates import Estimate, estimate_all, plan_searches
from harness.experiment.suite import SuiteEntry
from harness.plugins.loading import Plugins, load_plugins
from harness.tracing.search import Search
from harness.tracing.workload import workload_of
from tests.counting import counted_peak

# Channels, ways, shots: one batch of 5 images; batches of 15 and 10 images.
ONE_SHOT, FIVE_SHOT = (8, 5, 1), (4, 5, 5)
SETTINGS = [ONE_SHOT, pytest.param(FIVE_SHOT, marks=pytest.mark.slow)]
EXACT = [
    "darts",
    pytest.param("darts[order=second]", marks=pytest.mark.slow),
    pytest.param("darts[engine=merged]", marks=pytest.mark.slow),
    "metanas",
    "pcdarts",
    "weights-only",
    "last-layer",
    "bias-only",
    "sparse-update",
    "fairdarts",
    "darts-minus",
    pytest.param("drnas", marks=pytest.mark.slow),
    pytest.param("onnas[q=7,g=all,micro_batches=2]", marks=pytest.mark.slow),
]
CHOOSING = [
    "onnas",
    "proxylessnas",
    "gdas",
    pytest.param("onnas[q=3,g=2,micro_batches=2]", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


def search_for(plugins: Plugins, method: str, channels: int, ways: int, shots: int) -> Search:
    """A pretrained search on small images."""
    budget = f"quick,channels={channels},search_steps=3"
    entry = SuiteEntry(methods=[method], ways=ways, shots=shots, budget=budget)
    (search,) = plan_searches(plugins, [entry], DataRequest(None, Path(), print))
    return replace(search, form=search.form._replace(image_shape=(1, 12, 12)))


def estimated(search: Search) -> Estimate:
    (estimate,) = estimate_all([search], lambda _: None)
    assert not estimate.error
    return estimate


@pytest.mark.parametrize("setting", SETTINGS, ids=["1-shot", "5-shot"])
@pytest.mark.parametrize("method", EXACT)
def test_memory_is_exact(plugins: Plugins, method: str, setting: tuple[int, int, int]) -> None:
    """Where nothing depends on values, estimate and count are equal to the byte."""
    search = search_for(plugins, method, *setting)
    estimate = estimated(search)
    assert estimate.peak_bytes == estimate.lowest_bytes
    assert estimate.peak_bytes == counted_peak(workload_of(plugins, search), seed=0)


@pytest.mark.parametrize("setting", SETTINGS, ids=["1-shot", "5-shot"])
@pytest.mark.parametrize("method", CHOOSING)
def test_memory_is_within_the_range(
    plugins: Plugins, method: str, setting: tuple[int, int, int]
) -> None:
    """Where choices decide, what is counted lies within the range, whatever the seed."""
    search = search_for(plugins, method, *setting)
    estimate = estimated(search)
    assert estimate.lowest_bytes is not None
    assert estimate.peak_bytes is not None
    assert estimate.lowest_bytes < estimate.peak_bytes
    workload = workload_of(plugins, search)
    for seed in range(2):
        assert estimate.lowest_bytes <= counted_peak(workload, seed) <= estimate.peak_bytes


@pytest.mark.slow
def test_storage_is_that_of_a_pretrained_method(plugins: Plugins) -> None:
    """On-NAS stores its meta cell where the budget pretrains, else all of its cells."""
    search = search_for(plugins, "onnas", 8, 5, 1)
    stored = estimated(search).storage_bytes
    scratch = search.budget.model_copy(update={"meta_epochs": 0, "warmup_epochs": 0})
    unfolded = estimated(replace(search, budget=scratch)).storage_bytes
    assert stored is not None
    assert unfolded is not None
    assert stored < 0.3 * unfolded


def test_a_full_task_is_estimated_without_its_images(plugins: Plugins) -> None:
    """Epochs, batches and the halves of a full task come from the form of the data set."""
    entry = SuiteEntry(methods=["darts"], datasets=["cifar10"], budget="quick,channels=4,epochs=2")
    (search,) = plan_searches(plugins, [entry], DataRequest(None, Path(), print))
    assert search.form == DatasetForm("full-task", (3, 32, 32), 10, 50_000)
    assert dict(workload_of(plugins, search).batch_sizes) == {128: 195, 40: 1}
    assert estimated(search).peak_bytes
