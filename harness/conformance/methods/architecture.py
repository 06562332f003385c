"""What a search arrives at is an architecture of the space, which can be built from its file."""

from __future__ import annotations

import torch

from harness.conformance.images import NoiseImages
from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import BUDGET, SETTING, SHORTEST, run
from harness.errors import UsageError
from harness.space.discrete import DiscreteNetwork
from harness.space.genotype import Genotype

__all__ = ["RULE"]


def _check(subject: Subject) -> None:
    session = run(subject, budget=SHORTEST).session
    initial = [] if session.initial_architecture is None else [session.initial_architecture]
    for found in [*initial, *session.architectures]:
        try:
            genotype = Genotype.model_validate(found)
            rebuilt = Genotype.from_json(genotype.to_json())
        except (UsageError, ValueError) as error:
            raise BrokenRuleError(f"an architecture is none of the space: {error}") from error
        _build(rebuilt)


def _build(genotype: Genotype) -> None:
    channels, height, width = NoiseImages.image_shape
    net = DiscreteNetwork(genotype, channels, SETTING.ways, BUDGET.channels or 1)
    logits = net(torch.zeros(2, channels, height, width))
    if logits.shape != (2, SETTING.ways):
        raise BrokenRuleError(f"its network gives logits of shape {tuple(logits.shape)}")


RULE = Rule(
    "architecture-is-valid",
    "architecture() returns a Genotype of the shared space, which survives its JSON file and from "
    "which the network can be built again",
    _check,
)
