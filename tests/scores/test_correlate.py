"""`harness correlate`: rank correlations of scores with a table, with intervals and controls."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import harness
from harness.cli.main import cli
from harness.scores.correlating import kendall, spearman


def correlate(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["correlate", *map(str, arguments)])


def test_correlations_by_hand() -> None:
    """Of 1 2 3 4 and 1 3 2 4 one pair of six is swapped: tau = 4/6, rho = 1 - 6 x 2 / (4 x 15)."""
    one, other = np.array([1.0, 2, 3, 4]), np.array([10.0, 30, 20, 40])
    rho, tau = spearman(one, other), kendall(one, other)
    assert rho is not None
    assert tau is not None
    assert rho.value == pytest.approx(0.8)
    assert tau.value == pytest.approx(4 / 6)


def test_intervals_hold_the_truth_and_shrink() -> None:
    """With more pairs of the same kind the interval is narrower; rank alone matters."""
    random = np.random.default_rng(0)
    widths = []
    for count in (50, 800):
        one = random.standard_normal(count)
        other = np.exp(one + random.standard_normal(count))
        found = spearman(one, other)
        assert found is not None
        assert found.low < 0.69 < found.high  # of two normals whose correlation is 0.71
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


def test_what_is_alike_has_no_rank() -> None:
    """A score that is the same for all is missing, not 0; minus infinity is a rank."""
    alike, rising = np.ones(5), np.arange(5.0)
    assert spearman(alike, rising) is None
    lowest = np.array([-np.inf, 1, 2, 3, 4])
    found = kendall(lowest, rising)
    assert found is not None
    assert found.value == pytest.approx(1.0)


@pytest.mark.usefixtures("few_resamples")
def test_controls_stand_beside_every_score(table_root: Path, tmp_path: Path) -> None:
    """Without a score the controls are correlated with accuracy and each device's latency."""
    told = ["--dataset", "nasbench201[latency=all]", "--sample", "40", "--data-root", table_root]
    result = correlate(*told, "--json", "-o", tmp_path / "numbers.csv")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["architectures"] == 40
    pairs = [(each["score"], each["target"]) for each in answer["correlations"]]
    assert pairs == [
        ("flops", "accuracy"),
        ("parameters", "accuracy"),
        ("flops", "latency on toy"),
        ("parameters", "latency on toy"),
    ]
    for each in answer["correlations"]:
        assert each["spearman"]["low"] <= each["spearman"]["value"] <= each["spearman"]["high"]
    rows = list(csv.DictReader((tmp_path / "numbers.csv").read_text().splitlines()))
    assert len(rows) == 40
    assert list(rows[0]) == ["architecture", "flops", "parameters", "accuracy", "latency on toy"]
    assert "flops and parameters are the controls" in correlate(*told).stdout
    found = harness.correlate(
        dataset="nasbench201[latency=all]", sample=40, data_root=table_root, progress=False
    )
    assert found.to_json() == answer


@pytest.mark.usefixtures("few_resamples")
def test_scores_are_of_images_of_the_shape(table_root: Path, image_root: Path) -> None:
    """A score of a handful of networks, and the same one for the same seed."""
    images = f"folder[path={image_root},size=32,task=full-task]"
    told = ["-s", "synflow", "--images", images, "--batch", "2", "--sample", "4"]
    one, again = (correlate(*told, "--data-root", table_root, "--json") for _ in range(2))
    assert one.exit_code == 0, one.output
    assert one.stdout == again.stdout
    scores = {each["score"] for each in json.loads(one.stdout)["correlations"]}
    assert scores == {"flops", "parameters", "synflow"}


STRANGER = """
from harness import hookimpl


@hookimpl
def harness_register_scores(register):
    register("convolutions", "stranger:convolutions", summary="how many convolutions there are")


def convolutions(network, images, labels):
    return float(sum("Conv2d" in type(each).__name__ for each in network.modules()))
"""


@pytest.mark.usefixtures("few_resamples")
def test_a_strangers_score_is_a_row(
    table_root: Path, image_root: Path, plugin_factory: Callable[[str, str], Path]
) -> None:
    """What a plugin registers stands beside the controls, and in the list of scores."""
    plugin_factory("stranger", STRANGER)
    images = f"folder[path={image_root},size=32,task=full-task]"
    told = ["-s", "convolutions", "--images", images, "--batch", "2", "--sample", "5"]
    result = correlate(*told, "--data-root", table_root, "--json")
    assert result.exit_code == 0, result.output
    rows = {each["score"] for each in json.loads(result.stdout)["correlations"]}
    assert rows == {"flops", "parameters", "convolutions"}
    listed = CliRunner().invoke(cli, ["list", "scores"]).stdout
    assert "how many convolutions there are" in listed
    assert "synflow" in listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-s", "synflo"], "did you mean 'synflow'"),
        (["--dataset", "glyphs"], "is not a table of architectures"),
        (["-s", "zen", "--images", "glyphs"], "no training images of the shape (3, 32, 32)"),
    ],
)
def test_what_cannot_be_correlated_is_refused(
    arguments: list[str], message: str, table_root: Path
) -> None:
    """One sentence says what does not fit."""
    result = correlate(*arguments, "--data-root", table_root)
    assert result.exit_code == 2
    assert message in result.stderr
