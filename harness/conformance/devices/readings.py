"""What is read of a device could be true of a machine."""

from __future__ import annotations

import math

import torch

from harness.conformance.devices.usable import usable_device
from harness.conformance.images import NoiseImages
from harness.conformance.reference import Reference
from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import SETTING, open_session, reference_trial
from harness.contracts import Device
from harness.cost_model.kernels import Kernel
from harness.cost_model.prediction import predict_seconds
from harness.metrics import MIB
from harness.trials.protocols import run_few_shot
from harness.trials.readings import TrialReadings
from harness.trials.trial_metrics import metrics_of

__all__ = ["RULE"]

MOST_WATTS = 10_000.0  # of a machine with eight large GPUs
LONGEST_S = 300.0  # for a trial that takes a processor milliseconds


def _check(subject: Subject) -> None:
    device = usable_device(subject)
    _check_torch_device(device.torch_device())
    _check_prediction(device)
    trial = reference_trial(device.profile, device.mode())
    session = open_session(trial, device=device.torch_device())
    session.readings = TrialReadings(device.mode())
    run_few_shot(session, SETTING, NoiseImages(), Reference)
    metrics = metrics_of(session, fitted=True)
    for name, metric in metrics.items():
        if metric.value is not None and not (math.isfinite(metric.value) and metric.value >= 0):
            raise BrokenRuleError(f"{name} was {metric.value} {metric.unit}")
    peak = metrics["peak_memory"].value
    if peak is None or not 0 < peak < 64:  # a linear classifier
        raise BrokenRuleError(f"peak memory of a linear classifier was {peak} MiB")
    if device.mode() == "measured":
        _check_measured(device, {name: metric.value for name, metric in metrics.items()})


def _check_torch_device(name: str) -> None:
    try:
        total = float(torch.ones(3, device=name).sum())
    except (RuntimeError, AssertionError) as error:
        raise BrokenRuleError(f"torch cannot compute on '{name}': {error}") from error
    if total != 3:
        raise BrokenRuleError(f"torch adds three ones on '{name}' to {total}")


def _check_prediction(device: Device) -> None:
    """Predict a convolution of 1 GFLOP over 4 MB, which no machine does in a nanosecond."""
    if device.profile.cost is None:
        return
    seconds = predict_seconds(device.profile.cost, {Kernel("dense", 10**9, 4 * MIB, False): 1})
    if not 1e-9 < seconds.value_s < 1e4:
        raise BrokenRuleError(f"a convolution of 1 GFLOP was predicted {seconds.value_s:g} s")


def _check_measured(device: Device, values: dict[str, float | None]) -> None:
    seconds, joules = values["search_time"], values.get("energy")
    if seconds is None or not 0 < seconds < LONGEST_S:
        raise BrokenRuleError(f"search steps of a linear classifier took {seconds} s")
    if joules is not None and joules / seconds > MOST_WATTS:
        raise BrokenRuleError(f"{joules:g} J in {seconds:g} s are {joules / seconds:,.0f} W")
    total = device.profile.memory.total_bytes / MIB if device.profile.memory else math.inf
    for name in ("board_memory", "reserved_peak", "allocator_peak"):
        if (value := values.get(name)) is not None and value > total:
            raise BrokenRuleError(f"{name} was {value:,.0f} MiB of {total:,.0f} MiB")


RULE = Rule(
    "readings-are-plausible",
    "torch computes on the device that is named, and time, memory and energy of a small trial, and "
    "predicted times, are what a machine can have",
    _check,
)
