"""A trial that is ended in the middle of a search leaves no process and no file behind."""

from __future__ import annotations

import os
import select
import signal
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NoReturn

from harness.conformance.rule import BrokenRuleError, NotApplicableError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import BUDGET, run

__all__ = ["RULE"]

START_S = 120.0  # for the first search step
END_S = 8.0  # for a helper that notices that its parent is gone; torch's own look every 5 s


def _check(subject: Subject) -> None:
    if not hasattr(os, "fork"):
        raise NotApplicableError("it needs a system that forks")
    with tempfile.TemporaryDirectory() as folder:
        process = _start(subject, folder)
        os.kill(process, signal.SIGKILL)  # as the harness ends a trial
        os.waitpid(process, 0)
        try:
            _check_processes(process)
            _check_files(Path(folder))
        finally:
            _end_group(process)


def _start(subject: Subject, folder: str) -> int:
    """Start a trial in a session of its own, and return its process after the first step."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of threads, which a copy lacks; checks have none that hold anything.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process == 0:
        os.close(ours)
        _search_on(subject, folder, theirs)
    os.close(theirs)
    try:
        ready, _, _ = select.select([ours], [], [], START_S)
        if not (ready and os.read(ours, 1)):
            _end_group(process)
            raise BrokenRuleError("its trial ended, or hung, before its first search step")
    finally:
        os.close(ours)
    return process


def _search_on(subject: Subject, folder: str, told: int) -> NoReturn:
    """Search in `folder` without an end, and write a byte after the first step."""
    os.setsid()
    os.chdir(folder)
    os.environ["TMPDIR"] = tempfile.tempdir = folder

    def send(event: dict[str, Any]) -> None:
        if event["task"] == event["step"] == 0:
            os.write(told, b".")

    try:
        run(subject, budget=BUDGET.model_copy(update={"search_steps": 10**6}), send=send)
    finally:
        os._exit(1)


def _check_processes(group: int) -> None:
    deadline = time.monotonic() + END_S
    while _is_alive(group):
        if time.monotonic() > deadline:
            raise BrokenRuleError(
                f"a process that it had started was still running {END_S:g} s after its trial was "
                "ended"
            )
        time.sleep(0.05)


def _check_files(folder: Path) -> None:
    if left := sorted(str(path.relative_to(folder)) for path in folder.rglob("*")):
        raise BrokenRuleError(f"it left '{left[0]}' in the working or temporary folder")


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _end_group(group: int) -> None:
    if _is_alive(group):
        os.killpg(group, signal.SIGKILL)


RULE = Rule(
    "interruption-is-clean",
    "a trial that is ended in the middle of a search leaves no process and no file behind: a "
    "method starts no helpers that outlive it, and keeps its state in memory",
    _check,
)
