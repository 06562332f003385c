"""The same seed gives the same result, to the bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import Watched, run

__all__ = ["RULE"]


def _check(subject: Subject) -> None:
    first, second = run(subject), run(subject)
    for what, one, other in _readings(first, second):
        if one != other:
            raise BrokenRuleError(f"two trials with one seed differ in {what}: {one} and {other}")
    if not _same(first.logits, second.logits):
        raise BrokenRuleError("two trials with one seed differ in the logits that they predict")
    for task, (one_state, other_state) in enumerate(zip(first.states, second.states, strict=True)):
        if name := _difference(one_state, other_state):
            raise BrokenRuleError(
                f"two trials with one seed differ in the tensor '{name}' after task {task + 1}"
            )


def _readings(first: Watched, second: Watched) -> list[tuple[str, object, object]]:
    one, other = first.session, second.session
    return [
        ("the architecture", one.architectures, other.architectures),
        ("peak memory, in bytes", one.peak_bytes, other.peak_bytes),
        ("storage, in bytes", one.storage_bytes, other.storage_bytes),
    ]


def _same(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))


def _difference(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> str:
    """Name a tensor that is not in both states, or not the same there; empty if all are."""
    for name in sorted(first.keys() | second.keys()):
        if name not in first or name not in second or not torch.equal(first[name], second[name]):
            return name
    return ""


RULE = Rule(
    "same-seed-same-result",
    "two trials with the same seed end in the same architecture, tensors, logits and memory, to "
    "the bit: all that is drawn comes from the context's generator, or from torch's own, which "
    "the harness seeds",
    _check,
)
