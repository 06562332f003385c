"""A trial that needs more memory than a device has does not fit it; one that needs less does."""

from __future__ import annotations

from dataclasses import replace

import torch

from harness.conformance.devices.usable import usable_device
from harness.conformance.reference import Reference
from harness.conformance.rule import BrokenRuleError, NotApplicableError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import context_for, open_session, reference_trial
from harness.contracts import Batch, Device, SearchBatch
from harness.measure.memory import EmulatedOutOfMemoryError

__all__ = ["RULE"]


def _check(subject: Subject) -> None:
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
    """Do a search step that holds `size` bytes besides; without values these take nothing here."""
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


RULE = Rule(
    "limit-is-enforced",
    "what total, system and reserved bytes leave is the limit: a trial that needs half of it fits, "
    "one that needs a byte more does not",
    _check,
)
