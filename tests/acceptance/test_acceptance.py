"""What the first release promises, on real images and at the paper's width."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DATA = Path(os.environ["HARNESS_DATA"]) if "HARNESS_DATA" in os.environ else None
NATURAL = "tinyimagenet-fewshot.tar.gz"

needs_natural_images = pytest.mark.skipif(
    DATA is None or not (DATA / NATURAL).exists(), reason=f"HARNESS_DATA has no {NATURAL}"
)
needs_omniglot = pytest.mark.skipif(
    DATA is None or not (DATA / "omniglot.tar.gz").exists(),
    reason="HARNESS_DATA has no omniglot.tar.gz",
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decode each data set once for all tests here."""
    return tmp_path_factory.mktemp("cache")


def run(folder: Path, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call `harness run` as a person would, with one thread: another test runs beside it."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "harness", "run", *arguments],
        cwd=folder,
        env={**os.environ, "HARNESS_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
        check=False,
    )


def answer(folder: Path, cache: Path, *arguments: str) -> dict[str, Any]:
    """Call it with `--json`, expecting success."""
    result = run(folder, cache, *arguments, "--json")
    assert result.returncode == 0, result.stderr
    answered: dict[str, Any] = json.loads(result.stdout)
    return answered


def peak_mib(folder: Path, cache: Path, method: str, shots: int) -> float:
    """Counted peak of one search step on 84x84 natural images, at C = 28."""
    natural = f"folder[path={DATA and DATA / NATURAL},size=84]"
    (trial,) = answer(
        folder, cache, "-m", method, "--dataset", natural, "--shots", str(shots),
        "--queries", "1", "--budget", "search_steps=1,tasks=1",
    )["trials"]  # fmt: skip
    assert trial["budget"]["allowed"]["channels"] == 28
    value: float = trial["metrics"]["peak_memory"]["value"]
    return value


def time_of(folder: Path, cache: Path, *arguments: str) -> tuple[float, float]:
    """Seconds of a trial outside the method's calls and the reading of images, and all of them."""
    (trial,) = answer(folder, cache, *arguments)["trials"]
    wall_s: float = trial["timing"]["wall_s"]
    return trial["timing"]["host_share"] * wall_s, wall_s


@pytest.mark.slow
def test_the_first_command_gives_a_table(tmp_path: Path, cache: Path) -> None:
    """With nothing else given, On-NAS runs on an emulated Jetson, and the table says emulated."""
    result = run(tmp_path, cache, "--method", "onnas", "--device", "jetson")
    assert result.returncode == 0, result.stderr
    assert "jetson (emulated)" in result.stdout
    assert "memory MiB" in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.alone
def test_the_harness_itself_takes_little_of_the_time(tmp_path: Path, cache: Path) -> None:
    """A trial's process costs the harness below a second, each second of its work below 20 ms more.

    Apart, since the first is the same for the shortest and the longest trial.
    """
    for method in ("onnas", "darts"):
        shortest, _ = time_of(
            tmp_path, cache, "-m", method, "--budget", "quick,search_steps=1,tasks=1"
        )
        assert shortest < 1
        took, wall_s = time_of(tmp_path, cache, "-m", method)
        assert took - shortest < 0.02 * wall_s


@pytest.mark.slow
@needs_natural_images
def test_darts_needs_the_memory_that_the_paper_says(tmp_path: Path, cache: Path) -> None:
    """DARTS on five 84x84 images counts 1,597 MiB within 3 % (the paper's table 2 has 1,616)."""
    assert peak_mib(tmp_path, cache, "darts", shots=1) == pytest.approx(1597, rel=0.03)


@pytest.mark.slow
@needs_natural_images
def test_onnas_needs_a_fraction_of_it(tmp_path: Path, cache: Path) -> None:
    """On-NAS with q = 2 on fifteen 84x84 images in five parts stays at or under 150 MiB."""
    assert peak_mib(tmp_path, cache, "onnas[q=2,micro_batches=5]", shots=5) <= 150


@pytest.mark.slow
@needs_natural_images
def test_darts_does_not_fit_the_jetson_and_onnas_does(tmp_path: Path, cache: Path) -> None:
    """What the project exists to show: on 84x84 images DARTS prints X where On-NAS runs."""
    natural = f"folder[path={DATA and DATA / NATURAL},size=84]"
    darts, onnas = answer(
        tmp_path, cache, "-m", "darts", "-m", "onnas", "--dataset", natural, "-d", "jetson",
        "--queries", "1", "--budget", "search_steps=1,tasks=1",
    )["rows"]  # fmt: skip
    assert (darts["fits"], onnas["fits"]) == (False, True)


@needs_omniglot
@pytest.mark.slow
def test_both_methods_run_on_real_omniglot_and_resume(tmp_path: Path, cache: Path) -> None:
    """Two methods and three seeds leave six records; a second call runs nothing."""
    command = [
        "-m", "onnas", "-m", "darts", "--dataset", "omniglot", "--ways", "5", "--shots", "1",
        "--budget", "search_steps=2,tasks=1,channels=4", "--seed", "0-2", "-d", "cpu",
    ]  # fmt: skip
    first = answer(tmp_path, cache, *command)
    assert [trial["status"] for trial in first["trials"]] == ["ok"] * 6
    fingerprints = {trial["dataset"]["fingerprint"] for trial in first["trials"]}
    assert len(fingerprints) == 1
    second = answer(tmp_path, cache, *command)
    assert second["finished_earlier"] == 6
    assert second["trials"] == first["trials"]


@pytest.mark.slow
def test_all_methods_are_compared_under_one_meta_budget(tmp_path: Path, cache: Path) -> None:
    """All methods make one table; all that keep a supernet are pretrained alike."""
    budget = "quick,meta_epochs=1,warmup_epochs=0,search_steps=1,tasks=1,channels=4"
    answered = answer(tmp_path, cache, "-m", "all", "--budget", budget)
    used = {
        trial["method"]["name"]: trial["budget"]["used"]["meta_epochs"]
        for trial in answered["trials"]
    }
    assert used == {
        "darts": 1, "metanas": 1, "onnas": 1, "pcdarts": 1, "proxylessnas": 1, "random": 0,
        "weights-only": 1, "random-alpha": 1, "last-layer": 1, "bias-only": 1, "sparse-update": 1,
        "gdas": 1, "fairdarts": 1, "darts-minus": 1, "drnas": 1, "evolution": 0,
    }  # fmt: skip
    assert len({json.dumps(trial["budget"]["allowed"]) for trial in answered["trials"]}) == 1
    assert [row["statuses"] for row in answered["rows"]] == [["ok"]] * 16
