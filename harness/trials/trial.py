"""Runs one trial in this process; every way it can end is an outcome, not an exception."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from harness.contracts import SearchMethod
from harness.cost_model.profile import Prediction
from harness.devices.readings.linux import ReadingError, Tree, has_unified_memory, memory_entry
from harness.environment import describe_environment
from harness.experiment.outcome import Outcome, PretrainingPart, Status, TrialError
from harness.experiment.setting import FewShotSetting, FullTaskSetting
from harness.experiment.trial import DeviceIdentity, Trial
from harness.loop.guards import BudgetExceededError, TrialLimits
from harness.measure.memory import EmulatedOutOfMemoryError
from harness.plugins.loading import Plugins
from harness.pretraining.checkpoint import read_checkpoint
from harness.runtime.determinism import choose_threads
from harness.runtime.factory import create, open_dataset, open_device, shows_images
from harness.runtime.job import TrialJob
from harness.runtime.process_group import ALONE, ProcessGroup
from harness.tracing.search import form_of
from harness.tracing.trace import predict_search_time
from harness.tracing.workload import latency_of
from harness.trials.few_shot import run_few_shot
from harness.trials.full_task import run_full_task
from harness.trials.readings import TrialReadings
from harness.trials.session import Session
from harness.trials.trial_metrics import metrics_of, take_device_metrics

__all__ = ["machine_suffices", "run_trial", "status_of"]

Event = dict[str, Any]


def run_trial(
    plugins: Plugins,
    job: TrialJob,
    send: Callable[[Event], None],
    group: ProcessGroup = ALONE,  # noqa: ARG001 - a trial is one process's
) -> Outcome:
    """Run the trial of a job; `send` takes an event for each search step."""
    # First of all: to ask for a CUDA device takes memory, which is the trial's, too.
    readings = TrialReadings(job.trial.device.mode)
    device = open_device(plugins, job.trial.device)
    readings.read_from(device)
    limits = TrialLimits(job.trial.budget, device.profile.memory_limit_bytes)
    session = Session(job.trial, torch.device(device.torch_device()), limits, send, readings)
    session.metrics, session.model_path = plugins.metrics, job.model
    try:
        _run_protocol(session, plugins, job)
    except Exception as error:
        traceback.print_exc()
        return _failed(session, error)
    return _outcome(session, fitted=True, predicted=_predict(plugins, job.trial, session))


def _predict(plugins: Plugins, trial: Trial, session: Session) -> Prediction | None:
    """Predict the time on an emulated device; where that fails, the log says why."""
    if trial.device.mode != "emulated" or session.form is None:
        return None
    if "supernet_accuracy" in session.tasks[0].metrics:
        return None  # the steps of a derived network are not predicted
    try:
        return predict_search_time(plugins, trial, session.form)
    except Exception:
        traceback.print_exc()
        return None


def _run_protocol(session: Session, plugins: Plugins, job: TrialJob) -> None:
    trial = job.trial
    session.stage = "data"
    with session.reading():
        dataset = open_dataset(plugins, trial.dataset, job)
        session.form = form_of(dataset)
        session.shows_images = job.shows_images or shows_images(plugins, trial.dataset)
        _load_checkpoint(session, job)
    channels = trial.budget.channels or trial.setting.default_channels
    cost = trial.device.profile.cost
    if cost is not None:
        session.operation_latency = latency_of(cost, dataset.image_shape, channels)
    choose_threads(trial.setting.batch_size, dataset.image_shape, channels)

    def create_method() -> SearchMethod:
        with session.calling("build"):
            method: SearchMethod = create(plugins, "method", trial.method)
        return method

    if isinstance(trial.setting, FewShotSetting):
        run_few_shot(session, trial.setting, dataset, create_method)
    elif isinstance(trial.setting, FullTaskSetting):
        run_full_task(session, trial.setting, dataset, create_method)
    else:
        raise TypeError("a table has no images that a method could train on")
    take_device_metrics(session)


def _load_checkpoint(session: Session, job: TrialJob) -> None:
    """Take over what pretraining has left, if the method is pretrained."""
    if job.checkpoint is None or job.pretraining is None:
        return
    checkpoint = read_checkpoint(job.checkpoint)
    difference = job.pretraining.difference(checkpoint.pretraining)
    if difference is not None or not checkpoint.is_complete:
        raise RuntimeError(f"checkpoint {job.checkpoint} has changed: {difference or 'unfinished'}")
    session.initial_state = {name: torch.tensor(array) for name, array in checkpoint.state.items()}
    progress = checkpoint.progress
    session.used.meta_epochs = progress.meta_epochs
    session.used.warmup_epochs = progress.warmup_epochs
    session.pretraining = PretrainingPart(
        key=job.pretraining.key, seconds=progress.seconds, curve=progress.curve
    )


def _failed(session: Session, error: Exception) -> Outcome:
    suffices = machine_suffices(session.trial.device, session.device)
    status = status_of(error, budget_binds=session.limits.budget_binds, suffices=suffices)
    message = str(error) or type(error).__name__
    if session.where and session.where not in message:
        message = f"{message} ({session.where})"
    outcome = _outcome(session, fitted=status != "out_of_memory")
    outcome.status = status
    outcome.error = TrialError(type=type(error).__name__, message=message, stage=session.stage)
    return outcome


def _outcome(session: Session, *, fitted: bool, predicted: Prediction | None = None) -> Outcome:
    return Outcome(
        status="ok",
        used=session.used,
        metrics=metrics_of(session, fitted=fitted, predicted=predicted),
        tasks=session.tasks,
        initial_architecture=session.initial_architecture,
        architectures=session.architectures,
        examples=session.examples,
        pretraining=session.pretraining,
        environment={
            **describe_environment(),
            **session.readings.environment(),
            **({"no_model": session.no_model} if session.no_model else {}),
        },
        method_s=session.method_s,
        data_s=session.data_s,
    )


# Torch has no error class for these, only sentences.
NO_MEMORY = re.compile(
    "out of memory"  # CUDA's allocator before torch 1.13, and the CUDA runtime and driver
    "|can't allocate memory|not enough memory: you tried|bad_alloc"  # the processor's
    "|_STATUS_ALLOC_FAILED"  # cuBLAS, cuDNN
    # Short of memory, torch asks NVML what there is, and a Tegra's NVML does not tell.
    "|NVML_SUCCESS == .*INTERNAL ASSERT FAILED.*CUDACachingAllocator",
    re.IGNORECASE,
)

# The libraries' handles take hundreds of MB. On a board that is where memory runs out; elsewhere it
# rather means a wrong installation.
NO_HANDLE = re.compile("(CUDNN|CUBLAS)_STATUS_NOT_INITIALIZED")


def status_of(
    error: BaseException, *, budget_binds: bool, suffices: bool = True, root: Path = Path("/")
) -> Status:
    """Return the status that a trial ends with when `error` ended it.

    Args:
        error: what was raised.
        budget_binds: the budget's memory limit, not the device's, was the smaller one.
        suffices: what this machine lacks the device would lack, too; see `machine_suffices`.
        root: of the files that tell what this machine is.
    """
    if isinstance(error, BudgetExceededError):
        return "over_budget"
    is_devices = isinstance(error, EmulatedOutOfMemoryError)
    if is_devices or (suffices and _is_out_of_memory(error, root)):
        return "over_budget" if budget_binds else "out_of_memory"
    return "error"


def machine_suffices(device: DeviceIdentity, here: torch.device, root: Path = Path("/")) -> bool:
    """Say whether a device would lack memory where this machine does.

    An emulated device can have more memory than the machine that stands in for it.

    Args:
        device: the trial's.
        here: what computes.
        root: of the files that tell what this machine has.
    """
    limit = device.profile.memory_limit_bytes
    if device.mode == "measured" or limit is None:
        return True
    try:
        if here.type == "cuda":
            return torch.cuda.get_device_properties(here).total_memory >= limit
        return memory_entry(Tree(root), "MemTotal") >= limit
    except (ReadingError, RuntimeError):  # the latter: a CUDA that does not even start
        return False


def _is_out_of_memory(error: BaseException, root: Path) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if not isinstance(error, RuntimeError):
        return False
    if NO_HANDLE.search(str(error)):
        return has_unified_memory(root)
    return NO_MEMORY.search(str(error)) is not None
