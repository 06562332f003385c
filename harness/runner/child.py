"""The process of one trial: runs it, and tells its parent what happens as it happens."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import torch

from harness.contracts import DataRequest, Dataset, Device, SearchMethod
from harness.environment.description import describe_environment
from harness.experiment.record import Outcome, TrialError
from harness.experiment.setting import FewShotSetting
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.registry import Kind
from harness.plugins.selection import recreate
from harness.runner.failures import status_of
from harness.runner.few_shot import run_few_shot
from harness.runner.full_task import run_full_task
from harness.runner.job import TrialJob
from harness.runner.limits import Limits
from harness.runner.metrics import metrics_of
from harness.runner.session import Session
from harness.runner.threads import choose_threads

__all__ = ["main"]


def main(connection: Connection, job_json: str, log_path: str) -> None:
    """Run the job; send events, and last the outcome, as dicts down the connection.

    Whatever the method prints goes to the log. Ctrl-C is the parent's business; should the parent
    die, this process dies with it.
    """
    # What was imported stays: collections need not walk it, nor copy the pages it shares.
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _print_to(log_path)
    threading.Thread(target=_die_with_parent, args=(connection,), daemon=True).start()
    try:
        outcome = run(TrialJob.model_validate_json(job_json), connection.send)
    except Exception as error:  # a plugin that has changed since the run was planned, say
        traceback.print_exc()
        failure = TrialError(type=type(error).__name__, message=str(error), stage="start")
        outcome = Outcome(status="error", error=failure)
    connection.send({"event": "outcome", "outcome": outcome.model_dump(mode="json")})


def run(job: TrialJob, send: Any) -> Outcome:
    """Run one trial in this process; every way it can end is an outcome, not an exception."""
    plugins = load_plugins()
    device: Device = _create(plugins, "device", job.trial.device)
    limits = Limits(job.trial.budget, device.profile.memory_limit_bytes)
    session = Session(job.trial, torch.device(device.torch_device()), limits, send)
    try:
        _run_protocol(session, plugins, job)
    except Exception as error:
        traceback.print_exc()
        return _failed(session, error)
    return _outcome(session, fitted=True)


def _run_protocol(session: Session, plugins: Plugins, job: TrialJob) -> None:
    trial = job.trial
    request = DataRequest(data_root=job.data_root, cache_root=job.cache_root, report=print)
    session.stage = "data"
    with session.reading():
        dataset: Dataset = _create(plugins, "dataset", trial.dataset).prepare(request)
    if dataset.fingerprint != trial.dataset.fingerprint:
        raise RuntimeError(
            f"data set {trial.dataset.name} has changed since the run was planned: fingerprint "
            f"{dataset.fingerprint[:12]} instead of {trial.dataset.fingerprint[:12]}"
        )
    channels = trial.budget.channels or trial.setting.default_channels
    choose_threads(trial.setting, dataset.image_shape, channels)

    def create() -> SearchMethod:
        with session.calling("build"):
            method: SearchMethod = _create(plugins, "method", trial.method)
        return method

    if isinstance(trial.setting, FewShotSetting):
        run_few_shot(session, trial.setting, dataset, create)
    else:
        run_full_task(session, trial.setting, dataset, create)


def _create(plugins: Plugins, kind: Kind, identity: Any) -> Any:
    return recreate(plugins, kind, identity.name, identity.params).create()


def _failed(session: Session, error: Exception) -> Outcome:
    status = status_of(error, budget_binds=session.limits.budget_binds)
    message = str(error) or type(error).__name__
    if session.where and session.where not in message:
        message = f"{message} ({session.where})"
    outcome = _outcome(session, fitted=status != "out_of_memory")
    outcome.status = status
    outcome.error = TrialError(type=type(error).__name__, message=message, stage=session.stage)
    return outcome


def _outcome(session: Session, *, fitted: bool) -> Outcome:
    return Outcome(
        status="ok",
        used=session.used,
        metrics=metrics_of(session, fitted=fitted),
        tasks=session.tasks,
        architectures=session.architectures,
        environment=describe_environment(),
        method_s=session.method_s,
        data_s=session.data_s,
    )


def _print_to(path: str) -> None:
    """Send this process's standard output and error, C libraries' included, to a file."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _die_with_parent(connection: Connection) -> None:
    """The parent never sends: a connection that can be read has been closed by its death."""
    with suppress(OSError, EOFError):
        connection.recv()
    os._exit(1)
