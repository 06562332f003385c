"""Another data set in the place of one that a suite names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli
from harness.errors import UsageError
from harness.experiment.suite import SuiteEntry
from harness.planning.plan import read_dataset_map, with_stand_ins
from harness.plugins.loading import Plugins, load_plugins

SUITE = """
[[trials]]
methods = ["toy"]
datasets = ["miniimagenet"]
budget = "search_steps=1,tasks=1"
"""


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


def test_a_pair_is_read_as_name_and_label(plugins: Plugins) -> None:
    """The left side may have parameters; the right side is spelt as records spell it."""
    texts = ["miniimagenet=folder[path=photos,size=84]", "cifar10[task=few-shot]=glyphs"]
    assert read_dataset_map(plugins, texts) == {
        "miniimagenet": "folder[path=photos]",  # 84 is the default
        "cifar10[task=few-shot]": "glyphs",
    }


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["miniimagenet"], "write NAME=DATASET"),
        (["=glyphs"], "write NAME=DATASET"),
        (["omniglot="], "write NAME=DATASET"),
        (["omniglot=all"], "write NAME=DATASET"),
        (["omniglot=glifs"], "did you mean 'glyphs'"),
        (["omniglot=glyphs", "omniglot=cifar10"], "already replaced"),
    ],
)
def test_a_bad_pair_is_a_sentence(plugins: Plugins, texts: list[str], says: str) -> None:
    """What is no pair, names no data set or repeats a name is refused."""
    with pytest.raises(UsageError) as caught:
        read_dataset_map(plugins, texts)
    assert says in str(caught.value)


def test_only_the_named_data_set_is_replaced() -> None:
    """Other data sets, and all else that an entry says, stay."""
    entry = SuiteEntry(methods=["m"], datasets=["miniimagenet", "omniglot"], shots=5)
    (mapped,) = with_stand_ins([entry], {"miniimagenet": "glyphs"})
    assert mapped == entry.model_copy(update={"datasets": ["glyphs", "omniglot"]})


def harness(folder: Path, *arguments: str) -> Result:
    path = folder / "mine.toml"
    path.write_text(SUITE, encoding="utf-8")
    return CliRunner().invoke(cli, ["run", str(path), "-o", str(folder / "out"), *arguments])


@pytest.mark.usefixtures("toy_plugin")
def test_a_run_keeps_the_real_data_set_and_the_plan_says_what_it_stands_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record names what was run, `plan.json` what that is in place of, and the key is the same
    as that of a run that names the data set itself."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    result = harness(tmp_path, "--dataset-map", "miniimagenet=dots", "--json")
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)["trials"]
    assert record["dataset"]["name"] == "dots"
    plan = json.loads((tmp_path / "out" / "plan.json").read_text(encoding="utf-8"))
    assert plan["dataset_map"] == {"miniimagenet": "dots"}
    again = harness(tmp_path, "--dataset", "dots", "--json")
    assert json.loads(again.stdout)["finished_earlier"] == 1


@pytest.mark.usefixtures("toy_plugin")
def test_a_name_that_the_suite_lacks_is_refused_with_those_it_has(tmp_path: Path) -> None:
    """Wrong usage names the suite's data sets, and nothing is written."""
    result = harness(tmp_path, "--dataset-map", "minimagenet=dots")
    assert result.exit_code == 2
    assert "did you mean 'miniimagenet'" in result.stderr
    assert not (tmp_path / "out").exists()
