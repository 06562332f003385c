"""An estimate's memory is what a run counts: to the byte, or within the range of the choices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from harness_spaces.nasbench201 import NasBench201

from harness.contracts import DataRequest, DatasetForm, SearchTask
from harness.errors import UsageError
from harness.estimates.estimates import Estimate, estimate_all, plan_searches
from harness.experiment.suite import SuiteEntry
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.selection import recreate
from harness.plugins.spaces import find_score
from harness.runtime.determinism import seed_for
from harness.space.spec import METANAS, SearchSpace
from harness.tracing.search import Search
from harness.tracing.workload import workload_of
from harness.trials.answers import Scorer
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


def search_for(
    plugins: Plugins,
    method: str,
    setting: tuple[int, int, int],
    space: SearchSpace = METANAS,
) -> Search:
    """A pretrained search on small images; the setting is channels, ways and shots."""
    channels, ways, shots = setting
    budget = f"quick,channels={channels},search_steps=3"
    entry = SuiteEntry(methods=[method], ways=ways, shots=shots, budget=budget)
    (search,) = plan_searches(plugins, [entry], DataRequest(None, Path(), print))
    form = search.form._replace(image_shape=(1, 12, 12))
    return replace(search, form=form, space=space)


def estimated(search: Search) -> Estimate:
    (estimate,) = estimate_all([search], lambda *_: None)
    assert not estimate.error
    return estimate


@pytest.mark.parametrize("setting", SETTINGS, ids=["1-shot", "5-shot"])
@pytest.mark.parametrize("method", EXACT)
def test_memory_is_exact(
    plugins: Plugins, method: str, setting: tuple[int, int, int], small_space: SearchSpace
) -> None:
    """Where nothing depends on values, estimate and count are equal to the byte."""
    search = search_for(plugins, method, setting, small_space)
    estimate = estimated(search)
    assert estimate.peak_bytes == estimate.lowest_bytes
    assert estimate.peak_bytes == counted_peak(workload_of(plugins, search), seed=0)


@pytest.mark.parametrize("setting", SETTINGS, ids=["1-shot", "5-shot"])
@pytest.mark.parametrize("method", CHOOSING)
def test_memory_is_within_the_range(
    plugins: Plugins, method: str, setting: tuple[int, int, int], small_space: SearchSpace
) -> None:
    """Where choices decide, what is counted lies within the range, whatever the seed."""
    search = search_for(plugins, method, setting, small_space)
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
    search = search_for(plugins, "onnas", ONE_SHOT)
    stored = estimated(search).storage_bytes
    scratch = search.budget.model_copy(update={"meta_epochs": 0, "warmup_epochs": 0})
    unfolded = estimated(replace(search, budget=scratch)).storage_bytes
    assert stored is not None
    assert unfolded is not None
    assert stored < 0.3 * unfolded


def test_a_full_task_starts_from_scratch(plugins: Plugins) -> None:
    """On-NAS stores whole cells there, whatever the budget pretrains, but for a named start."""
    entry = SuiteEntry(methods=["onnas"], datasets=["cifar10"], budget="quick,channels=4")
    (search,) = plan_searches(plugins, [entry], DataRequest(None, Path(), print))
    assert search.budget.meta_epochs > 0
    assert workload_of(plugins, search).initial_state is None
    recipe = search.setting.recipe.model_copy(update={"start": "0" * 64})
    named = replace(search, setting=search.setting.model_copy(update={"recipe": recipe}))
    assert workload_of(plugins, named).initial_state is not None
    few_shot = search_for(plugins, "onnas", ONE_SHOT)
    assert workload_of(plugins, few_shot).initial_state is not None


def test_a_full_task_is_estimated_without_its_images(plugins: Plugins) -> None:
    """Epochs, batches and the halves of a full task come from the form of the data set."""
    entry = SuiteEntry(methods=["darts"], datasets=["cifar10"], budget="quick,channels=4,epochs=2")
    (search,) = plan_searches(plugins, [entry], DataRequest(None, Path(), print))
    assert search.form == DatasetForm("full-task", (3, 32, 32), 10, 50_000)
    assert dict(workload_of(plugins, search).batch_sizes) == {128: 195, 40: 1}
    assert estimated(search).peak_bytes


def scored_search(plugins: Plugins, method: str, evaluations: int) -> Search:
    """A black-box search that evaluates by a score, on two images."""
    entry = SuiteEntry(
        methods=[method.replace("]", ",batch=2]")],
        space="nasbench201",
        datasets=["nasbench201"],
        budget=f"evaluations={evaluations}",
    )
    (search,) = plan_searches(plugins, [entry], DataRequest(None, Path(), print))
    return search


def counted_evaluations(plugins: Plugins, search: Search, best: Callable[[str], float]) -> int:
    """Return the bytes of the largest evaluation that a search asks for, told what `best` says."""
    space = NasBench201()
    selection = recreate(plugins, "search", search.method, search.params)
    scorer = Scorer(
        score=find_score(plugins, search.params["evaluator"]),
        space=space,
        batch=(torch.randn(2, 3, 32, 32), torch.arange(2)),
        classes=10,
        seed=0,
    )
    black_box = selection.create()
    random = np.random.default_rng(seed_for(search.seed, "search"))
    black_box.start(SearchTask(space, search.steps, random))
    for _ in range(search.steps):
        asked = black_box.ask()
        scorer.value(asked)
        black_box.tell(asked, best(asked))
    return scorer.peak_bytes


@pytest.mark.parametrize("score", ["naswot", "grad-norm", "synflow", "zen"])
def test_the_largest_evaluation_is_exact(plugins: Plugins, score: str) -> None:
    """Of a search that asks the same whatever it is told, estimate and count are equal."""
    search = scored_search(plugins, f"random[evaluator={score}]", 2)
    estimate = estimated(search)
    assert estimate.peak_bytes == estimate.lowest_bytes
    assert estimate.peak_bytes == counted_evaluations(plugins, search, lambda _: 0.0)


@pytest.mark.slow
def test_the_largest_evaluation_is_within_the_range(plugins: Plugins) -> None:
    """Where answers decide what is asked, the count lies in the range, whatever they prefer."""
    search = scored_search(plugins, "evolution[evaluator=grad-norm,population=2,sample=2]", 30)
    estimate = estimated(search)
    assert estimate.lowest_bytes is not None
    assert estimate.peak_bytes is not None
    assert estimate.lowest_bytes < estimate.peak_bytes
    for best in (lambda each: each.count("3x3"), lambda each: -each.count("3x3")):
        counted = counted_evaluations(plugins, search, best)
        assert estimate.lowest_bytes <= counted <= estimate.peak_bytes


@pytest.mark.parametrize(
    ("method", "space", "message"),
    [
        ("random", "nasbench201", "there is no memory to estimate; with a score there is"),
        ("random[evaluator=flops]", "nasbench201", "there is no memory to estimate"),
        ("darts", "metanas", "needs images to train on, and data set 'nasbench201' has none"),
    ],
)
def test_what_takes_no_memory_is_not_estimated(
    plugins: Plugins, method: str, space: str, message: str
) -> None:
    """A table has no search steps, and what it answers or a space counts computes no network."""
    entry = SuiteEntry(methods=[method], space=space, datasets=["nasbench201"])
    with pytest.raises(UsageError, match=message):
        plan_searches(plugins, [entry], DataRequest(None, Path(), print))
