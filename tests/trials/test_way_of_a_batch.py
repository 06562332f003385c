"""A reader follows a batch to its record, and a step of a method, through few files."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import harness
from harness.contracts import Batch, Episode, SearchBatch, SearchContext
from harness.executors.base import TrialFinished, TrialStepped
from harness.experiment.budget import parse_budget
from harness.experiment.outcome import Outcome, TaskResult, TimedOutcome
from harness.plugins.loading import load_plugins
from harness.plugins.selection import recreate
from harness.results.record import Record
from harness.runtime.job import TrialJob
from harness.runtime.process import ProcessLauncher
from harness.space.backpropagation import BatchOutcome
from harness.trials.record_writer import SilentListener
from harness.trials.runner import RunRequest, run_trials
from harness.trials.session import OnePass
from harness.trials.trial import run_trial

ROOT = Path(harness.__file__).parents[1]
MOST_FILES = 18

# What a batch is on its way: drawn, cut, handed to the method, learned from, told of, written down.
FORMS = (
    Episode, SearchBatch, Batch, OnePass, BatchOutcome, TaskResult, Outcome, TimedOutcome,
    TrialStepped, TrialFinished, Record,
)  # fmt: skip


def is_form(value: object, depth: int = 0) -> bool:
    """Tell whether a value is a batch in one of its forms, or begins with one."""
    if isinstance(value, FORMS) or (isinstance(value, dict) and "loss" in value):
        return True
    return isinstance(value, (list, tuple)) and depth < 2 and is_form([*value, None][0], depth + 1)


@contextmanager
def visited(is_told: Callable[[object], bool]) -> Iterator[set[str]]:
    """Collect the files of ours in which a function is given such a value, or returns one."""
    files: set[str] = set()

    def watch(frame: FrameType, event: str, answer: Any) -> None:
        code = frame.f_code
        if event not in ("call", "return") or not code.co_filename.startswith(str(ROOT)):
            return
        named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = [frame.f_locals.get(name) for name in named] if event == "call" else [answer]
        if any(map(is_told, given)):
            files.add(Path(code.co_filename).relative_to(ROOT).as_posix())

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        yield files
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def test_a_batch_visits_few_files(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader who follows a batch of DARTS to its record opens no more than these."""
    random = np.random.default_rng(1)
    for name in ("a", "b"):
        folder = scratch / "images" / "test" / name
        folder.mkdir(parents=True)
        for number in range(3):
            pixels = random.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    plugins = load_plugins()

    def run_here(
        _: ProcessLauncher, job: TrialJob, __: Path, on_event: Callable[..., None]
    ) -> Outcome:
        """Stand for `harness/runtime/process.py`, whose child process would not be seen."""
        return run_trial(plugins, job, on_event)

    monkeypatch.setattr(ProcessLauncher, "run", run_here)
    monkeypatch.setattr(ProcessLauncher, "warm_up", lambda _: 0.0)
    wanted = {
        "methods": ["darts"], "datasets": [f"folder[path={scratch / 'images'},size=8,mode=gray]"],
        "ways": 2, "shots": 1, "queries": 1, "budget": "search_steps=1,tasks=1,channels=2",
    }  # fmt: skip
    request = RunRequest(wanted=wanted, output=tmp_path / "run", cache_root=tmp_path / "cache")
    with visited(is_form) as files:
        result = run_trials(plugins, request, lambda _: nullcontext(SilentListener()), print)
    assert [record.status for record in result.records] == ["ok"]
    way = {file for file in files if not file.startswith("tests/")} | {"harness/runtime/process.py"}
    assert {"harness/data/dataset.py", "harness/planning/run_directory.py"} <= way
    assert len(way) <= MOST_FILES, sorted(way)


@pytest.mark.parametrize(("name", "most"), [("darts", 14), ("onnas", 16)])
def test_a_method_is_read_from_few_files(name: str, most: int) -> None:
    """What runs from a method's first line to its architecture stands in few files."""
    images, labels = torch.randn(6, 1, 8, 8), torch.arange(6) % 3
    context = SearchContext(
        image_shape=(1, 8, 8),
        classes=3,
        channels=2,
        budget=parse_budget("quick"),
        steps=1,
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(1),
    )
    plugins = load_plugins()
    recreate(plugins, "method", name, {}).create()  # imports are nothing to follow
    with visited(lambda _: True) as files:
        method = recreate(plugins, "method", name, {}).create()
        method.build(context)
        method.search_step([SearchBatch(Batch(images, labels), Batch(images, labels))])
        method.architecture()
    rooms = ("plugins/", "harness/search/", "harness/space/")
    read = {file for file in files if file.startswith(rooms)}
    assert "harness/space/cell.py" in read
    assert len(read) <= most, sorted(read)
