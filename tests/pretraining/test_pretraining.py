"""The offline stage of a run: checkpoints that are found, made, resumed, and never trusted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from harness.cli.main import cli
from harness.contracts import MetaTask
from harness.loop import episode
from harness.plugins.loading import load_plugins
from harness.pretraining import loop as stage
from harness.pretraining.checkpoint import read_checkpoint
from harness.pretraining.inner_loop import meta_task
from harness.runtime.factory import open_dataset
from harness.runtime.job import PretrainingJob
from tests.pretraining.planned import planned

pytestmark = pytest.mark.usefixtures("toy_plugin", "scratch")

EPOCHS, TASKS = 3, 2
SMALL = (
    f"search_steps=2,tasks=1,meta_epochs={EPOCHS},warmup_epochs=1,meta_tasks={TASKS},"
    "meta_steps=2,meta_shots=2"
)


def harness(command: str, *arguments: str, budget: str = SMALL) -> Result:
    """Call a command on the random images of the plugin."""
    output = ["-o", "out"] if command == "run" else []
    return CliRunner().invoke(
        cli, [command, "--dataset", "dots", "--budget", budget, *output, *arguments]
    )


def trials(*arguments: str) -> list[dict[str, Any]]:
    """The records of a run."""
    result = harness("run", *arguments, "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    records: list[dict[str, Any]] = json.loads(result.stdout)["trials"]
    return records


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoint files in the cache."""
    return sorted((folder.parent / "cache" / "pretraining").glob("*.safetensors"))


def job(folder: Path, method: str = "learner") -> PretrainingJob:
    """What a child process is told to do, for the first trial of a run."""
    _, job = planned(folder / "checkpoint.safetensors", method, SMALL + ",channels=4")
    return job


def test_a_run_pretrains_first(scratch: Path) -> None:
    """The record says what the trial started from, and what it used of the meta-budget."""
    (record,) = trials("-m", "learner")
    (path,) = checkpoints(scratch)
    checkpoint = read_checkpoint(path)
    assert record["status"] == "ok"
    assert record["pretraining"]["key"] == checkpoint.pretraining.key
    assert record["budget"]["used"]["meta_epochs"] == EPOCHS
    assert record["budget"]["used"]["warmup_epochs"] == 1
    assert [point["meta_epoch"] for point in record["pretraining"]["curve"]] == [EPOCHS]


def test_a_validation_search_knows_its_batches(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a trial: 25 support images in batches of 15 are two batches a step."""
    told: list[int] = []

    def watch(driver: Any, method: Any, context: Any, *rest: Any) -> Any:
        told.append(context.batches)
        return episode.run_episode(driver, method, context, *rest)

    monkeypatch.setattr(stage, "run_episode", watch)
    assert stage.run_pretraining(load_plugins(), job(scratch), lambda _: None).status == "ok"
    assert set(told) == {2}


def test_what_only_the_search_depends_on_shares_a_checkpoint(scratch: Path) -> None:
    """Parameters marked so, and the number of shots, do not ask for another pretraining."""
    trials("-m", "learner")
    (path,) = checkpoints(scratch)
    before = path.stat().st_mtime_ns
    trials("-m", "learner[only_search=3]", "--shots", "3")
    assert checkpoints(scratch) == [path]
    assert path.stat().st_mtime_ns == before
    trials("-m", "learner[rate=0.5]")
    trials("-m", "learner", "--seed", "1")
    trials("-m", "learner", "--ways", "3")
    assert len(checkpoints(scratch)) == 4


def test_all_methods_meet_the_same_tasks(scratch: Path) -> None:
    """What a task of pretraining holds depends on data, setting, budget and seed, on no method."""
    plugins, device = load_plugins(), torch.device("cpu")
    jobs = [job(scratch, method) for method in ("onnas", "darts[order=second]", "learner")]
    dataset = open_dataset(plugins, jobs[0].pretraining.dataset, jobs[0])
    seen = [_images(meta_task(each.pretraining, dataset, 1, 1, device)) for each in jobs]
    assert all(torch.equal(seen[0], images) for images in seen[1:])
    other = jobs[0].pretraining.model_copy(update={"seed": 1})
    assert not torch.equal(seen[0], _images(meta_task(other, dataset, 1, 1, device)))
    assert not torch.equal(seen[0], _images(meta_task(jobs[0].pretraining, dataset, 1, 0, device)))


def _images(task: MetaTask) -> torch.Tensor:
    return torch.cat([batch.weights.images for step in task.steps for batch in step])


def test_a_method_without_pretraining_starts_from_scratch(scratch: Path) -> None:
    """It is run under the same budget, of which it uses no meta-epoch."""
    (record,) = trials("-m", "toy")
    assert record["status"] == "ok"
    assert record["pretraining"] is None
    assert record["budget"]["used"]["meta_epochs"] == 0
    assert checkpoints(scratch) == []


def test_the_command_pretrains_alone(scratch: Path) -> None:
    """`harness pretrain` leaves the checkpoint that a run then finds, and says how good it is."""
    result = harness("pretrain", "-m", "learner", "-m", "toy", "--json")
    assert result.exit_code == 0, result.output
    learner, toy = json.loads(result.stdout)
    (path,) = checkpoints(scratch)
    assert learner["checkpoint"] == str(path)
    assert learner["progress"]["meta_epochs"] == EPOCHS
    assert toy["checkpoint"] is None
    before = path.stat().st_mtime_ns
    trials("-m", "learner")
    assert path.stat().st_mtime_ns == before
    table = harness("pretrain", "-m", "learner", "-m", "toy").stdout
    assert "is not pretrained" in table
    assert {"val", "accuracy"} <= set(table.split())  # the path beside it is long: heads are folded


@pytest.mark.parametrize(
    ("offline", "words"),
    [("nan", "the loss became nan in meta-epoch 1, task 1"), ("raise", "an offline mistake")],
)
def test_a_pretraining_that_fails_is_a_row(offline: str, words: str) -> None:
    """Its trials end with an error of the stage `pretraining`, and the others go on."""
    failed, fine = trials("-m", f"learner[offline={offline}]", "-m", "toy")
    assert (failed["status"], fine["status"]) == ("error", "ok")
    assert failed["error"]["stage"] == "pretraining"
    assert words in failed["error"]["message"]
    assert harness("pretrain", "-m", f"learner[offline={offline}]").exit_code == 1


class Stop(BaseException):
    """Stands for a kill: no handler of the stage sees it."""


@pytest.mark.parametrize(
    "method",
    [
        "learner",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("onnas", "proxylessnas")),
    ],
)
def test_a_resumed_stage_ends_with_the_same_tensors(
    method: str, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after every task but the last, and resumed, it leaves the bits of an unbroken one."""
    unbroken = job(scratch, method)
    assert stage.run_pretraining(load_plugins(), unbroken, lambda _: None).status == "ok"
    broken = unbroken.model_copy(update={"checkpoint": scratch / "broken.safetensors"})
    monkeypatch.setattr(stage, "SAVE_EVERY_S", 0.0)
    learned = stage.PretrainingLoop._learn
    kills = 0

    def learn_one(self: stage.PretrainingLoop, *arguments: Any) -> Any:
        if getattr(self, "has_learned", False):
            raise Stop
        self.has_learned = True  # type: ignore[attr-defined] # ours
        return learned(self, *arguments)

    monkeypatch.setattr(stage.PretrainingLoop, "_learn", learn_one)
    while not broken.checkpoint.exists():
        try:
            stage.run_pretraining(load_plugins(), broken, lambda _: None)
        except Stop:
            kills += 1
    assert kills == EPOCHS * TASKS - 1
    one, other = read_checkpoint(unbroken.checkpoint), read_checkpoint(broken.checkpoint)
    assert one.state.keys() == other.state.keys()
    assert all(np.array_equal(one.state[name], other.state[name]) for name in one.state)
    assert one.progress.curve == other.progress.curve
    assert list(scratch.glob("*.partial.*")) == []


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ("meta_epochs=1,warmup_epochs=2", "warmup_epochs=2 are more than meta_epochs=1"),
        ("meta_epochs=1,meta_shots=40", "for pretraining, which meta_epochs=0 does without"),
        ("meta_epochs=-1", "meta_epochs"),
        ("meta_epochs=1,meta_tasks=0", "meta_tasks"),
    ],
)
def test_impossible_meta_budgets_are_refused(budget: str, words: str, scratch: Path) -> None:
    """They are said in one sentence, before anything is written."""
    result = harness("run", "-m", "learner", budget=budget)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (scratch / "out").exists()


def test_nothing_to_pretrain_is_said() -> None:
    """Without meta-epochs the command has nothing to do, and says why."""
    result = harness("pretrain", "-m", "learner", budget="meta_epochs=0")
    assert result.exit_code == 2
    assert "nothing to pretrain" in result.stderr


@pytest.mark.slow
@pytest.mark.alone
def test_a_kill_costs_less_than_a_minute(scratch: Path) -> None:
    """After `kill -9` the same command goes on with what was kept within the last minute."""
    command = [
        sys.executable, "-m", "harness", "pretrain", "-m", "learner[offline=slow]",
        "--dataset", "dots", "--budget", SMALL + ",meta_epochs=400,meta_tasks=2",
    ]  # fmt: skip
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - our own command
        partial = scratch.parent / "cache" / "pretraining"
        deadline = time.monotonic() + 90
        while not list(partial.glob("*.partial.*")) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    (kept,) = partial.glob("*.partial.*")
    done = read_checkpoint(kept).progress.meta_epochs
    assert done > 0
    again = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - likewise
    assert f"400 meta-epochs, of which {done} are done" in again.stderr
