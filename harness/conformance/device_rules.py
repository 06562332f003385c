"""Rules for devices: what a device is, what is read from it, and what fits it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness.conformance.rule import BrokenRuleError, NotApplicableError, Rule, Subject
from harness.conformance.trials import (
    SETTING,
    NoiseImages,
    context_for,
    open_session,
    reference_trial,
)
from harness.contracts import Batch, Device, SearchBatch, SearchContext, StepMetrics
from harness.cost_model.profile import Kernel, predict_seconds
from harness.devices.at_hand import mode_here
from harness.devices.profile import DeviceProfile
from harness.measure.memory import EmulatedOutOfMemoryError
from harness.metrics import MIB
from harness.space.genotype import Edge, Genotype
from harness.space.spec import NODES
from harness.trials.few_shot import run_few_shot
from harness.trials.readings import TrialReadings
from harness.trials.trial import metrics_of

__all__ = ["LIMIT_IS_ENFORCED", "PROFILE_IS_TRUE", "READINGS_ARE_PLAUSIBLE", "Reference"]

# What the rules for devices share.


def usable_device(subject: Subject) -> Device:
    """Make the device.

    Raises:
        NotApplicableError: this machine is not the device, which cannot be emulated either.
    """
    device: Device = subject.create()
    if mode_here(device) is None:
        raise NotApplicableError("it is not at hand, and has neither limits nor rates to emulate")
    return device


# A device is what its name says, and says the same whenever it is asked.


MODES = ("measured", "emulated")


def _check_profile(subject: Subject) -> None:
    device, again = subject.create(), subject.create()
    profile = device.profile
    if not isinstance(profile, DeviceProfile):
        raise BrokenRuleError(f"its profile is a {type(profile).__name__}, not a DeviceProfile")
    name = subject.selection.name
    if profile.name != name:
        raise BrokenRuleError(f"it is registered as '{name}', and its profile is '{profile.name}'")
    if profile.digest() != again.profile.digest():
        raise BrokenRuleError("its profile changes when it is made again")
    modes = {device.mode(), device.mode(), again.mode()}
    if len(modes) > 1 or not modes <= set(MODES):
        raise BrokenRuleError(f"asked for its mode three times, it said {sorted(modes)}")


PROFILE_IS_TRUE = Rule(
    "profile-is-true",
    "a device has a DeviceProfile of the name that it is registered under, and profile and mode "
    "('measured' or 'emulated') are the same whenever it is asked",
    _check_profile,
)


# What is read of a device could be true of a machine.


MOST_WATTS = 10_000.0  # of a machine with eight large GPUs
LONGEST_S = 300.0  # for a trial that takes a processor milliseconds


def _check_readings(subject: Subject) -> None:
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


READINGS_ARE_PLAUSIBLE = Rule(
    "readings-are-plausible",
    "torch computes on the device that is named, and time, memory and energy of a small trial, and "
    "predicted times, are what a machine can have",
    _check_readings,
)


# A trial that needs more memory than a device has does not fit it; one that needs less does.


def _check_limit(subject: Subject) -> None:
    device = usable_device(subject)
    memory = device.profile.memory
    if memory is None:
        raise NotApplicableError("its profile has no [memory], so that the machine is the limit")
    if device.profile.memory_limit_bytes != memory.limit_bytes:
        raise BrokenRuleError(
            f"its limit is {device.profile.memory_limit_bytes} bytes, and its profile leaves "
            f"{memory.limit_bytes:,} for tensors"
        )
    if not _fits(device, memory.limit_bytes // 2):
        raise BrokenRuleError("a trial that needs half of its limit does not fit")
    if _fits(device, memory.limit_bytes + 1):
        raise BrokenRuleError("a trial that needs a byte more than its limit fits")


def _fits(device: Device, size: int) -> bool:
    """Run a search step that holds `size` extra bytes; without values they take no memory here."""
    session = open_session(reference_trial(device.profile, "emulated"), device="meta")
    context = replace(context_for(), device=session.device)
    images = torch.empty(context.classes, *context.image_shape, device=session.device)
    batch = Batch(images, torch.zeros(context.classes, dtype=torch.int64, device=session.device))
    method = Reference(hoard_bytes=size)
    try:
        with session.counting:
            session.build(method, context)
            session.search_step(method, [SearchBatch(batch, batch)], 0, 0)
    except EmulatedOutOfMemoryError:
        return False
    return True


LIMIT_IS_ENFORCED = Rule(
    "limit-is-enforced",
    "what total, system and reserved bytes leave is the limit: a trial that needs half of it fits, "
    "one that needs a byte more does not",
    _check_limit,
)


# A linear classifier for checking devices: the smallest search method there is.


_NODE = (Edge(0, "conv_3x3"), Edge(1, "skip_connect"))


class Reference:
    """Trains one linear layer by gradient descent, and always finds the same architecture."""

    def __init__(self, hoard_bytes: int = 0) -> None:
        """Hold an extra tensor of so many bytes."""
        self.hoard_bytes = hoard_bytes

    def build(self, context: SearchContext) -> None:
        """Build the layer on the context's device."""
        channels, height, width = context.image_shape
        self.layer = nn.Linear(channels * height * width, context.classes, device=context.device)
        self.device = context.device

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Move the layer along each batch's gradient; without values the loss is reported as 0."""
        hoard = torch.empty(self.hoard_bytes, dtype=torch.uint8, device=self.device)
        seen, images = [], 0
        for batch in batches:
            logits = self.predict(batch.weights.images)
            loss = cross_entropy(logits, batch.weights.labels)
            (gradient,) = torch.autograd.grad(loss, [self.layer.weight])
            with torch.no_grad():
                self.layer.weight -= 0.1 * gradient
            right = (logits.argmax(dim=1) == batch.weights.labels).sum()
            seen.append((loss.detach(), right))
            images += len(logits)
        del hoard
        losses, rights = (torch.stack(each) for each in zip(*seen, strict=True))
        mean, right = losses.mean(), rights.sum()
        if mean.is_meta:
            return StepMetrics(loss=0.0, accuracy=0.0)
        return StepMetrics(loss=float(mean), accuracy=100.0 * int(right) / images)

    def architecture(self) -> Genotype:
        """Return an architecture of the space, whatever was learned."""
        nodes = (_NODE,) * NODES
        return Genotype(normal=nodes, reduction=nodes)

    def predict(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, height, width)."""
        logits: Tensor = self.layer(images.flatten(1))
        return logits

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the layer."""
        state: Mapping[str, Tensor] = self.layer.state_dict()
        return state
