"""The process of one job: does it, and tells its parent what happens as it happens."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from pydantic import TypeAdapter

from harness.plugins.loading import load_plugins
from harness.pretraining.loop import run_pretraining
from harness.pretraining.meta_worker import run_lessons
from harness.pretraining.process_group import ALONE, Place
from harness.results.record import Outcome, TrialError
from harness.runtime.job import AnyJob, Job, LessonsJob, PretrainingJob
from harness.trials.trial import run_trial

__all__ = ["main"]

_JOB: TypeAdapter[AnyJob] = TypeAdapter(Job)


def main(connection: Connection, job_json: str, log_path: str, place: Place = ALONE) -> None:
    """Run the job, or this process's part; send events, and last the outcome, as dicts.

    Whatever the method prints goes to the log. Ctrl-C is the parent's business; should the parent
    die, this process dies with it.
    """
    # What was imported stays: collections need not walk it, nor copy the pages it shares.
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _print_to(log_path)
    threading.Thread(target=_die_with_parent, args=(connection,), daemon=True).start()
    try:
        outcome = run(_JOB.validate_json(job_json), connection.send, place)
    except Exception as error:  # a plugin that has changed since the run was planned, say
        traceback.print_exc()
        failure = TrialError(type=type(error).__name__, message=str(error), stage="start")
        outcome = Outcome(status="error", error=failure)
    connection.send({"event": "outcome", "outcome": outcome.model_dump(mode="json")})


def run(job: AnyJob, send: Callable[[dict[str, Any]], None], place: Place = ALONE) -> Outcome:
    """Do what the job says in this process."""
    plugins = load_plugins()
    if isinstance(job, PretrainingJob):
        return run_pretraining(plugins, job, send, place)
    if isinstance(job, LessonsJob):
        return run_lessons(plugins, job, place.connections[0])
    return run_trial(plugins, job, send)


def _print_to(path: str) -> None:
    """Send this process's standard output and error, C libraries' included, to a file."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr] # TextIO lacks it


def _die_with_parent(connection: Connection) -> None:
    """The parent never sends: a connection that can be read has been closed by its death."""
    with suppress(OSError, EOFError):
        connection.recv()
    os._exit(1)
