"""A full disk, a folder that is not writable, a clock that jumps back, Ctrl-C at any moment."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli
from harness.contracts import DataRequest
from harness.errors import NotWrittenError
from harness.experiment.outcome import Outcome, TrialClock
from harness.experiment.suite import SuiteEntry
from harness.planning.planner import Planner
from harness.plugins.loading import load_plugins
from harness.results.record import Record
from harness.system.files import write_whole

pytestmark = pytest.mark.usefixtures("toy_plugin", "scratch")

BUDGET = "search_steps=2,tasks=1,meta_epochs=0"


def run(*arguments: str) -> Result:
    """Call `harness run` for three seeds of the toy."""
    fixed = ["run", "-m", "toy", "--dataset", "dots", "--budget", BUDGET, "-o", "out"]
    return CliRunner().invoke(cli, [*fixed, "--seed", "0-2", *arguments])


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """Every record under a folder; to read them fails if one is not whole."""
    return {
        str(path): json.loads(path.read_text(encoding="utf-8"))
        for path in folder.rglob("record.json")
    }


def full_behind_the_first_record(folder: Path) -> Callable[..., None]:
    """A flush that is refused once a record, and the folder that it is in, have been flushed."""
    calls = 0

    def call(_: int) -> None:
        nonlocal calls
        calls += bool(records(folder))
        if calls > 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    return call


def test_a_full_disk_ends_the_run_in_a_sentence(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up after the first trial: its record is whole, and later the rest is run."""
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full_behind_the_first_record(scratch))
        result = run()
    assert result.exit_code == 1
    assert "cannot be written: No space left on device" in result.stderr
    assert "Traceback" not in result.output
    (first,) = records(scratch).values()
    assert (first["seed"], first["status"]) == (0, "ok")
    assert not list(scratch.rglob(".record*")), "half-written files stay"
    again = run("--json")
    assert again.exit_code == 0
    assert json.loads(again.stdout)["finished_earlier"] == 1


def test_steps_that_do_not_fit_end_the_run_in_a_sentence(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full as a trial's steps are written: a sentence names the file."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("harness.trials.record_writer._line", refuse)
    result = run()
    assert result.exit_code == 1
    assert "steps.jsonl cannot be written: No space left on device" in result.stderr
    assert records(scratch) == {}


def test_a_run_folder_that_is_read_only_is_refused(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing starts where nothing can be written."""
    opened = os.open

    def refuse(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if str(path).endswith(".lock"):
            raise OSError(errno.EROFS, "Read-only file system")
        return opened(path, flags, *arguments, **options)

    monkeypatch.setattr("harness.planning.run_directory.os.open", refuse)
    result = run()
    assert result.exit_code == 2
    assert "run folder out cannot be used: Read-only file system" in result.stderr
    assert records(scratch) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_a_real_limit_on_files_leaves_them_whole(scratch: Path) -> None:
    """The system itself refuses to write on: the old file stays as it was, alone."""
    program = """
import resource, signal, sys
from pathlib import Path
from harness.system.files import write_whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
write_whole(Path("record.json"), "old")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_whole(Path("record.json"), "x" * 100_000)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "NotWrittenError: record.json cannot be written: File too large" in done.stderr
    assert (scratch / "record.json").read_text(encoding="utf-8") == "old"
    assert [path.name for path in scratch.iterdir()] == ["record.json"]


def test_ctrl_c_amid_a_write_leaves_the_old_file_alone(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interruption is passed on, and no temporary file stays behind."""
    write_whole(scratch / "record.json", "old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.system.files.os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(scratch / "record.json", "new")
    assert [path.name for path in scratch.iterdir()] == ["record.json"]
    assert (scratch / "record.json").read_text(encoding="utf-8") == "old"


def test_a_disk_that_refuses_is_no_wrong_usage() -> None:
    """Its status is 1: something did not end well."""
    assert NotWrittenError("x").exit_code == 1


def test_a_calendar_that_jumps_back_shortens_no_trial(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Seconds come from a clock that only goes on; a record that ends before its start is whole."""
    entry = SuiteEntry(methods=["toy"], datasets=["dots"], budget=BUDGET)
    (trial,) = Planner(load_plugins(), DataRequest(None, tmp_path, print)).trials([entry])
    moments = iter([0, -3600])

    class Jumping:
        @staticmethod
        def now(_: Any) -> datetime:
            return datetime(2030, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=next(moments))

    monkeypatch.setattr("harness.experiment.outcome.datetime", Jumping)
    clock = TrialClock()
    time.sleep(0.01)
    timed = clock.timed(Outcome(status="ok"))
    assert timed.ended_at < timed.started_at
    assert 0.01 <= timed.wall_s < 60
    record = Record.of(
        trial, timed.outcome, wall_s=timed.wall_s, started_at=timed.started_at,
        ended_at=timed.ended_at,
    )  # fmt: skip
    assert Record.model_validate_json(record.model_dump_json(by_alias=True)) == record


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("jobs", [1, 3])
def test_ctrl_c_at_any_moment_is_a_sentence(scratch: Path, jobs: int) -> None:
    """Interrupted at six moments, once or twice in a row: 130, no traceback, whole records."""
    moments = random.Random(jobs)  # noqa: S311 - no secret
    command = [
        sys.executable, "-m", "harness", "run", "-m", "toy", "--dataset", "dots", "--seed", "0-999",
        "--budget", BUDGET, "-o", "out", "-j", str(jobs),
    ]  # fmt: skip
    for number in range(6):
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, start_new_session=True, text=True, stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        # Before click is imported it is Python that is interrupted, not yet the harness.
        time.sleep(1.0 + moments.uniform(0.0, 8.0))
        for _ in range(1 + number % 2):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.05)
        _, complaints = process.communicate(timeout=60)
        # The second can meet an interpreter that is ending; to a shell, that is 130 as well.
        assert process.returncode in {130, -signal.SIGINT}, complaints
        assert "Interrupted" in complaints
        assert "Traceback" not in complaints
        for record in records(scratch).values():
            assert record["status"] in {"ok", "interrupted"}
