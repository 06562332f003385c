"""The paper's tables and figures as suites: what they name exists, and is what the paper says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.contracts import DataRequest, SplitSummary
from harness.estimates.estimates import plan_searches
from harness.experiment.budget import NAMED_BUDGETS
from harness.experiment.published import Published, PublishedRow, read_published
from harness.experiment.suite import Suite, load_suite
from harness.experiment.trial import Trial
from harness.planning.plan import entries_of, find_suite
from harness.planning.planner import Planner
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.selection import Selection, select

# Trials: methods x data settings x devices x seeds, as the paper's tables and figures have them.
TRIALS = {
    "table2": 7 * 4 * 2 * 3,
    "table3": 8 * 4 * 1 * 3,
    "table4": 5 * 2 * 2 * 1,
    "figure7": 4 * 2 * 1 * 3,
    "figure8": 1,
    "figure9": 4 * 2 * 1 * 1,
    "figure10": 7 * 4 * 1 * 3,
    "figure11": 1,
    "figure12": 4 * 2 * 1 * 1,
    "storage": 2 * 1 * 2 * 1,
}
REQUEST = DataRequest(None, Path(), lambda _: None)


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture
def data_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every data set is there, and has classes and images enough."""
    monkeypatch.chdir(tmp_path_factory.getbasetemp())  # whose sources-1.json all tests share
    splits = {name: SplitSummary(classes=100, images_per_class=500) for name in ("train", "test")}

    def prepared(self: Planner, selection: Selection) -> SimpleNamespace:
        form = selection.create().form()
        return SimpleNamespace(
            kind=form.kind, image_shape=form.image_shape, splits=splits, fingerprint=selection.name
        )

    monkeypatch.setattr(Planner, "_prepared", prepared)


def trials_of(plugins: Plugins, suite: str, **wanted: str) -> list[Trial]:
    return Planner(plugins, REQUEST).trials(entries_of(plugins, suite, wanted))


def read(plugins: Plugins, suite: str) -> tuple[Suite, Published, list[PublishedRow]]:
    path = find_suite(plugins, suite)
    loaded = load_suite(path)
    assert loaded.published is not None
    return loaded, loaded.published, read_published(loaded.published, path)


def test_all_of_the_papers_suites_are_there(plugins: Plugins) -> None:
    """Each table and figure that the harness re-runs has a suite, and there are no others."""
    assert set(plugins.registry.names("suite")) == set(TRIALS)


def test_every_suite_is_documented() -> None:
    """docs/suites.md has a row for each."""
    text = (Path(__file__).parents[2] / "docs" / "suites.md").read_text(encoding="utf-8")
    for name in TRIALS:
        assert f"| `{name}` |" in text


@pytest.mark.usefixtures("data_at_hand")
@pytest.mark.parametrize("suite", TRIALS)
def test_a_suite_plans_its_trials(plugins: Plugins, suite: str) -> None:
    """Every method, data set, device and budget of a suite resolves, and no trial is lost."""
    trials = trials_of(plugins, suite)
    assert len(trials) == TRIALS[suite]
    assert load_suite(find_suite(plugins, suite)).title


@pytest.mark.usefixtures("data_at_hand")
@pytest.mark.parametrize("suite", TRIALS)
def test_a_suite_can_be_scaled(plugins: Plugins, suite: str) -> None:
    """`--budget small` and `--seed` replace what the suite says in every block."""
    trials = trials_of(plugins, suite, budget="small", seeds="7")
    assert {trial.budget for trial in trials} == {NAMED_BUDGETS["small"]}
    assert {trial.seed for trial in trials} == {7}


@pytest.mark.parametrize("suite", TRIALS)
def test_a_suite_can_be_estimated(plugins: Plugins, suite: str) -> None:
    """All searches are planned from what data sets say of their form: none has to be there."""
    searches = plan_searches(plugins, entries_of(plugins, suite, {}), REQUEST)
    assert searches
    assert all(search.devices for search in searches)


@pytest.mark.parametrize("suite", sorted(TRIALS.keys() - {"figure8", "figure11"}))
def test_published_rows_are_those_of_trials(plugins: Plugins, suite: str) -> None:
    """Each published row names a method and a setting that the suite runs."""
    loaded, _, rows = read(plugins, suite)
    run = {
        (select(plugins, "method", method)[0].label, dataset, block.ways, block.shots)
        for block in loaded.trials
        for method in block.methods or []
        for dataset in block.datasets
    }
    full_task = {(method, dataset) for method, dataset, _, _ in run}
    assert rows
    for row in rows:
        label = select(plugins, "method", row.method)[0].label
        if row.ways is None:
            assert (label, row.dataset) in full_task
        else:
            assert (label, row.dataset, row.ways, row.shots) in run


@pytest.mark.parametrize("suite", ["figure9", "figure12"])
def test_mechanisms_are_switched_on_one_by_one(plugins: Plugins, suite: str) -> None:
    """The bars are: none, α with micro-batches, edge pairs, step-by-step back-propagation."""
    _, _, rows = read(plugins, suite)
    switches = ("q", "micro_batches", "g", "step_by_step")
    on = {
        row.cells["mechanisms"]: {
            key: select(plugins, "method", row.method)[0].params[key] for key in switches
        }
        for row in rows
    }
    assert on == {
        "none": {"q": 7, "micro_batches": 1, "g": "all", "step_by_step": False},
        "alpha": {"q": 2, "micro_batches": 5, "g": "all", "step_by_step": False},
        "alpha+beta": {"q": 2, "micro_batches": 5, "g": 1, "step_by_step": False},
        "alpha+beta+sbs": {"q": 2, "micro_batches": 5, "g": 1, "step_by_step": True},
    }


def test_coefficients_are_switched_one_by_one(plugins: Plugins) -> None:
    """Figure 7 has no coefficients, those of tasks, those of cells, and both."""
    _, _, rows = read(plugins, "figure7")
    keys = ("task_coefficients", "cell_coefficients")
    switched = {}
    for row in rows:
        params = select(plugins, "method", row.method)[0].params
        switched[row.cells["coefficients"]] = tuple(params[key] for key in keys)
    assert switched == {
        "none": ("none", "none"),
        "task": ("elementwise", "none"),
        "cell": ("none", "elementwise"),
        "both": ("elementwise", "elementwise"),
    }


@pytest.mark.usefixtures("data_at_hand")
def test_figure_10_is_the_picture_of_table_3(plugins: Plugins) -> None:
    """Its trials have the keys of table 3's, so that neither is run twice."""
    keys = [
        {trial.key for trial in trials_of(plugins, name) if trial.method.name == "onnas"}
        for name in ("table3", "figure10")
    ]
    assert keys[0] == keys[1]


@pytest.mark.usefixtures("data_at_hand")
@pytest.mark.parametrize("suite", ["table2", "table3", "table4"])
def test_what_the_engine_saves_has_a_row_of_its_own(plugins: Plugins, suite: str) -> None:
    """MetaNAS with On-NAS's engine and micro-batches stands in every setting On-NAS has there."""
    settings: dict[str, set[tuple[str, str]]] = {}
    for trial in trials_of(plugins, suite):
        settings.setdefault(trial.method.label, set()).add((trial.dataset.name, str(trial.setting)))
    lean = settings["metanas[engine=step_by_step,micro_batches=5]"]
    assert lean == set().union(*(s for label, s in settings.items() if label.startswith("onnas")))


@pytest.mark.usefixtures("data_at_hand")
def test_cifar_100_has_twice_the_epochs(plugins: Plugins) -> None:
    """Table 4 is of 50 epochs of CIFAR-10 and 100 of CIFAR-100, at 28 channels."""
    trials = trials_of(plugins, "table4")
    budgets = {(t.dataset.name, t.budget.epochs, t.budget.channels) for t in trials}
    assert budgets == {("cifar10", 50, 28), ("cifar100", 100, 28)}


def test_published_numbers_are_the_papers(plugins: Plugins) -> None:
    """One number of each kind, with its unit: MiB, percent, days made seconds, an X, a gap."""
    _, published, rows = read(plugins, "table4")
    darts, _, onnas, *_ = rows
    assert (
        published.numbers_of(onnas, "peak_memory")[0],
        published.numbers_of(onnas, "accuracy"),
    ) == (290.0, (81.46, None))
    assert published.seconds_of(onnas, "jetson") == pytest.approx(2.21 * 86_400)
    assert [published.is_unfit(row, "jetson") for row in (darts, onnas)] == [True, False]
    missing = rows[-1]
    assert (missing.is_tabled, published.numbers_of(missing, "peak_memory")[0]) == (False, 325.0)
    assert published.seconds_of(missing, "rtx3090") is None
    _, figure9, bars = read(plugins, "figure9")
    assert [figure9.numbers_of(bar, "peak_memory")[0] for bar in bars] == [
        5168,
        352,
        320,
        243,
        561,
        53,
        36,
        26,
    ]
    _, storage, stored = read(plugins, "storage")
    assert [storage.numbers_of(row, "storage")[0] for row in stored] == [2.6, 0.6]
    _, figure12, hidden = read(plugins, "figure12")
    assert {figure12.numbers_of(row, "peak_memory")[0] for row in hidden} == {None}


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        ("table2", "missing from the copy"),
        ("table3", "table 2 has 243 MB"),
        ("table4", "swapped"),
        ("figure9", "contradicts itself"),
        ("figure12", "17x"),
        ("storage", "2.59 MB"),
    ],
)
def test_known_gaps_and_contradictions_are_told(plugins: Plugins, suite: str, words: str) -> None:
    """What the paper lacks, or says twice, is in the notes of its numbers."""
    _, published, _ = read(plugins, suite)
    assert any(words in note.text for note in published.notes)
