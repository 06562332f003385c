"""A report over many records takes seconds, not minutes, and does not fill the memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from harness.results.record import Record
from harness.space.spec import CELL_KINDS, NODES, OPERATIONS, edge_pairs

pytestmark = pytest.mark.slow

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


@pytest.fixture
def many(tmp_path: Path, make_record: Callable[..., Record]) -> Path:
    """A run of 5,000 trials with 100 tasks each, as long as real ones."""
    folder = tmp_path / "run"
    tasks = [
        {"index": i, "accuracy": 53.333333, "search_s": 1.234567, "peak_memory_bytes": 123_456_789}
        for i in range(TASKS)
    ]
    record = make_record(tasks=tasks, environment={"packages": ["a==1.0"] * 100})
    base = record.model_dump(mode="json", by_alias=True)
    planned = []
    for number in range(RECORDS):
        base["trial_key"], base["seed"] = str(number), number % SEEDS
        base["label"] = base["method"]["name"] = f"m{number // SEEDS}"
        path = folder / "trials" / base["trial_key"]
        path.mkdir(parents=True)
        (path / "record.json").write_text(json.dumps(base), encoding="utf-8")
        planned.append({"trial_key": base["trial_key"], "folder": path.name})
    (folder / "plan.json").write_text(json.dumps({"trials": planned}), encoding="utf-8")
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory as Linux tells it")
@pytest.mark.parametrize("name", ["report.md", "report.csv", "report.tex"])
def test_five_thousand_records_take_seconds(
    many: Path, tmp_path: Path, run_python: Python, name: str
) -> None:
    """5,000 records with 100 tasks each are reported on within 20 s and 1 GB."""
    check(run_python("-c", MEASURED, "report", str(many), "-o", str(tmp_path / name)))
    assert (tmp_path / name).read_text("utf-8").count("m999") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory as Linux tells it")
def test_the_page_of_five_thousand_records_takes_seconds(
    many: Path, tmp_path: Path, run_python: Python
) -> None:
    """So is the page, with cells, steps and a log of each trial, in the same time and memory."""
    for number, folder in enumerate(sorted((many / "trials").iterdir())):
        furnish(folder, Random(number))  # noqa: S311 - a seed is what is wanted
    page = tmp_path / "report.html"
    check(run_python("-c", MEASURED, "report", str(many), "-o", str(page)))
    assert page.read_text("utf-8").count('class="open"') == RECORDS


def check(result: subprocess.CompletedProcess[str]) -> None:
    """Hold a report to its time and memory."""
    assert result.returncode == 0, result.stderr
    # Of the processor, not of the clock: on a busy machine that tells of its other work.
    seconds, peak_mib = json.loads(result.stderr.splitlines()[-1])
    assert seconds <= 20
    assert peak_mib <= 1000


def furnish(folder: Path, random: Random) -> None:
    """Give a trial cells and steps that no other has, and a log."""
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
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
