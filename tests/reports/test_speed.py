"""Reports and comparisons of many records take seconds, and do not fill the memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.results.record import Record
from harness.space.spec import CELL_KINDS, NODES, OPERATIONS, edge_pairs

pytestmark = [pytest.mark.slow, pytest.mark.alone]

Python = Callable[..., subprocess.CompletedProcess[str]]

RECORDS = 5_000
SEEDS = 5
TASKS = 100
STEP = '{"task": 0, "step": %d, "loss": 1.0, "accuracy": 50.0, "memory_bytes": %d}\n'
# VmHWM, since the peak that getrusage tells begins with that of the process which forked this one.
MEASURED = """
import atexit, json, re, resource, sys
from pathlib import Path
from harness.cli.main import main

@atexit.register
def tell():
    used = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text()
    peak_kib = int(re.search(r"VmHWM:\\s*(\\d+) kB", status).group(1))
    print(json.dumps([used.ru_utime + used.ru_stime, peak_kib / 1024]), file=sys.stderr)

main()
"""


@pytest.fixture(scope="module")
def two_runs(
    tmp_path_factory: pytest.TempPathFactory, make_record: Callable[..., Record]
) -> tuple[Path, Path]:
    """Two runs of 5,000 trials with 100 tasks each, none like another, as long as real ones."""
    tasks = [
        {"index": i, "accuracy": 0.0, "search_s": 0.0, "peak_memory_bytes": 123_456_789}
        for i in range(TASKS)
    ]
    record = make_record(tasks=tasks, environment={"packages": ["a==1.0"] * 100})
    base = record.model_dump(mode="json", by_alias=True)
    first, second = (tmp_path_factory.mktemp(name) for name in "ab")
    return write_run(first, base, mean=53.0), write_run(second, base, mean=53.5)


def write_run(folder: Path, base: dict[str, Any], mean: float) -> Path:
    """Leave what a run would, of records like `base` with accuracies around a mean."""
    planned = []
    for number in range(RECORDS):
        random = Random(f"{mean} {number}")  # noqa: S311 - a seed is what is wanted
        base["trial_key"], base["seed"] = str(number), number % SEEDS
        base["label"] = base["method"]["name"] = f"m{number // SEEDS}"
        for task in base["tasks"]:
            task |= {"accuracy": random.gauss(mean, 8.0), "search_s": 1.0 + random.random()}
        path = folder / "trials" / base["trial_key"]
        path.mkdir(parents=True)
        furnish(path, base, random)
        planned.append({"trial_key": base["trial_key"], "folder": path.name})
    (folder / "plan.json").write_text(json.dumps({"trials": planned}), encoding="utf-8")
    return folder


on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="reads the peak memory as Linux tells it"
)


@on_linux
@pytest.mark.parametrize("name", ["report.md", "report.csv", "report.tex"])
def test_five_thousand_records_take_seconds(
    two_runs: tuple[Path, Path], tmp_path: Path, run_python: Python, name: str
) -> None:
    """5,000 records with 100 tasks each are reported on within 10 s and 700 MB."""
    check(run_python("-c", MEASURED, "report", str(two_runs[0]), "-o", str(tmp_path / name)))
    assert (tmp_path / name).read_text("utf-8").count("m999") == 1


@on_linux
def test_the_page_of_five_thousand_records_takes_seconds(
    two_runs: tuple[Path, Path], tmp_path: Path, run_python: Python
) -> None:
    """So is the page, with cells, steps and a log of each trial, in less than 6 MB."""
    page = tmp_path / "report.html"
    check(run_python("-c", MEASURED, "report", str(two_runs[0]), "-o", str(page)))
    assert page.read_text("utf-8").count('class="open"') == RECORDS
    assert page.stat().st_size < 6e6


@on_linux
def test_two_runs_of_five_thousand_records_are_compared_in_seconds(
    two_runs: tuple[Path, Path], run_python: Python
) -> None:
    """Two such runs are compared within 10 s."""
    result = run_python("-c", MEASURED, "compare", *map(str, two_runs), "--json")
    check(result, most_mib=1000)
    assert len(json.loads(result.stdout)["rows"]) == RECORDS // SEEDS


def check(result: subprocess.CompletedProcess[str], most_mib: float = 700) -> None:
    """Hold a command to its time and memory."""
    assert result.returncode == 0, result.stderr
    # Of the processor, not of the clock: on a busy machine that tells of its other work.
    seconds, peak_mib = json.loads(result.stderr.splitlines()[-1])
    assert seconds <= 10
    assert peak_mib <= most_mib


def furnish(folder: Path, record: dict[str, Any], random: Random) -> None:
    """Leave a trial's record, with cells and steps that no other has, and its log."""
    for key in ("initial_architecture", "architecture"):
        record[key] = {kind: cell(random) for kind in CELL_KINDS}
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    steps = (STEP % (step, random.randrange(10**7, 10**8)) for step in range(TASKS))
    (folder / "steps.jsonl").write_text("".join(steps), encoding="utf-8")
    (folder / "log.txt").write_text("a line\n" * 20, encoding="utf-8")


def cell(random: Random) -> list[list[tuple[int, str]]]:
    """Any cell of the search space."""
    return [
        [(place, random.choice(OPERATIONS)) for place in random.choice(edge_pairs(node))]
        for node in range(NODES)
    ]
