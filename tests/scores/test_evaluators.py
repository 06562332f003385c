"""A search of a table that a score answers: the table tells the accuracy of what is found alone."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from harness_spaces.moves import Reinforce
from harness_spaces.nasbench201 import NasBench201

from harness.cli.main import cli
from harness.measure.memory import MemoryCounter
from harness.plugins.loading import load_plugins
from harness.plugins.spaces import find_score
from harness.trials.answers import Scorer

IMAGE_SHAPE = (3, 32, 32)


def run(root: Path, *arguments: object) -> Result:
    told = ["run", "--space", "nasbench201", "--dataset", "nasbench201", "--data-root", root]
    return CliRunner().invoke(cli, [*map(str, [*told, *arguments])])


def questions(folder: Path) -> list[dict[str, str]]:
    (path,) = folder.glob("trials/*/evaluations.csv")
    return list(csv.DictReader(path.read_text().splitlines()))


def only_trial(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)["trials"]
    found: dict[str, Any] = record
    return found


@pytest.mark.parametrize("search", ["random", "local-search", "evolution", "reinforce"])
def test_a_count_chooses_and_the_table_tells(search: str, table_root: Path, scratch: Path) -> None:
    """Of all that was asked the one with most FLOPs is kept, whatever the table has of others."""
    method = f"{search}[evaluator=flops]"
    told = ["-m", method, "--budget", "evaluations=30", "-o", scratch / "run", "--json"]
    record = only_trial(run(table_root, *told))
    asked = questions(scratch / "run")
    best = max(asked, key=lambda each: float(each["score"]))
    assert len(asked) == record["budget"]["used"]["evaluations"] == 30
    assert record["architecture"]["architecture"] == best["architecture"]
    assert record["metrics"]["accuracy"]["value"] == float(best["accuracy"])
    assert record["metrics"]["accuracy"]["source"] == "tabular"
    assert record["metrics"]["peak_memory"]["value"] is None  # nothing was computed
    assert record["method"]["params"]["evaluator"] == "flops"


def test_an_evaluation_has_memory_and_time(
    table_root: Path, image_root: Path, scratch: Path
) -> None:
    """They are measured, beside what is the table's; the images are a part of the key."""
    images = f'"folder[path={image_root},size=32,task=full-task]"'
    method = f"random[evaluator=grad-norm,batch=2,images={images}]"
    told = ["-m", method, "--budget", "evaluations=3", "-o", scratch / "run"]
    record = only_trial(run(table_root, *told, "--json"))
    assert record["metrics"]["peak_memory"]["source"] == "measured"
    assert record["metrics"]["peak_memory"]["value"] > 1
    assert record["metrics"]["search_time"]["source"] == "measured"
    again = run(table_root, *told)
    table = next(line for line in again.stdout.splitlines() if line.startswith("random"))
    shown = f"{record['metrics']['peak_memory']['value']:.1f}"
    assert f" {shown} " in table  # and no mark of a table
    for path in image_root.glob("train/*/0.png"):
        path.unlink()
    other = only_trial(run(table_root, *told, "--json"))
    assert other["trial_key"] != record["trial_key"]


def test_memory_is_that_of_the_largest_evaluation() -> None:
    """It is counted from the network's weights on, and no evaluation's is added to another's."""
    space, score = NasBench201(), find_score(load_plugins(), "naswot")
    batch = torch.randn(2, *IMAGE_SHAPE), torch.arange(2)
    architectures = [space.architecture([option] * 6) for option in (3, 0, 3)]
    scorer = Scorer(score=score, space=space, batch=batch, classes=10, seed=0)
    peaks = [scorer.value(each) and scorer.peak_bytes for each in architectures[:2]]
    counter = MemoryCounter()
    counter.watch(batch)
    with counter:
        score(space.network(architectures[0], IMAGE_SHAPE, 10), *batch)
    assert peaks == [counter.peak_bytes] * 2
    assert scorer.value(architectures[2]) == scorer.value(architectures[0])


def test_a_strangers_score_is_an_evaluator(
    table_root: Path, scratch: Path, plugin_factory: Callable[[str, str], Path], image_root: Path
) -> None:
    """What a plugin registers can be searched by, and its code is a part of the trial's."""
    folder = plugin_factory(
        "stranger",
        "from harness import hookimpl\n\n\n@hookimpl\ndef harness_register_scores(register):\n"
        "    register('depth', 'stranger:depth')\n\n\ndef depth(network, images, labels):\n"
        "    return float(len(list(network.modules())))\n",
    )
    images = f'"folder[path={image_root},size=32,task=full-task]"'
    method = f"evolution[evaluator=depth,batch=2,images={images}]"
    told = ["-m", method, "--budget", "evaluations=3", "-o", scratch / "run", "--json"]
    record = only_trial(run(table_root, *told))
    assert record["environment"]["code"]["score"]
    path = folder / "stranger.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    again = run(table_root, *told)
    assert json.loads(again.stdout)["finished_earlier"] == 0
    assert "changed since: the score's package" in again.stderr


def test_a_policy_takes_scores_that_have_no_number() -> None:
    """Minus infinity makes an architecture less likely, and leaves the baseline a number."""
    from tests.spaces.test_searches import asked  # noqa: PLC0415 - only this test needs it

    search = Reinforce()
    asked(search, 0, 2)
    search.tell(NasBench201().architecture([0] * 6), float("-inf"))
    assert all(map(torch.isfinite, map(torch.as_tensor, [each.sum() for each in search._logits])))
    assert search._logits[0].argmin() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "random[evaluator=synflo]"], "unknown evaluator 'synflo'; did you mean 'synflow'?"),
        (["-m", "evolution[evaluator=weights]"], "'nasbench201' by weights; it can by table, "),
        (["-m", "random[evaluator=zen,images=dots]"], "no training images of the shape"),
        (["-m", "random[evaluator=zen,images=omniglot]"], "which images=NAME replaces: "),
        (
            ["-m", "random[evaluator=zen]", "--limit", "parameters=1"],
            "takes the place of the accuracy alone",
        ),
        (["-m", "random[evaluator=training]", "--space", "nasbench201"], "by training; it can by"),
    ],
)
@pytest.mark.usefixtures("toy_plugin", "scratch")
def test_what_does_not_fit_is_refused(arguments: list[str], message: str, table_root: Path) -> None:
    """One sentence says what is wrong and what would go; nothing is run."""
    result = run(table_root, *arguments)
    assert result.exit_code != 0
    assert message in result.stderr
