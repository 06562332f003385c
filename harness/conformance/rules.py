"""All rules, by the kind of what they are for; importing this imports torch."""

from __future__ import annotations

from harness.conformance import importing
from harness.conformance.datasets import form, identity, order, queries, splits
from harness.conformance.devices import limit, profile, readings
from harness.conformance.methods import (
    architecture,
    budget,
    estimate,
    interruption,
    labels,
    memory,
    metrics,
    predictions,
    seed,
    state,
)
from harness.conformance.rule import Rule
from harness.plugins.registry import Kind

__all__ = ["RULES"]

RULES: dict[Kind, tuple[Rule, ...]] = {
    "method": (
        importing.RULE,
        metrics.RULE,
        budget.RULE,
        seed.RULE,
        labels.RULE,
        predictions.RULE,
        memory.RULE,
        interruption.RULE,
        state.RULE,
        architecture.RULE,
        estimate.RULE,
    ),
    "dataset": (
        importing.RULE,
        form.RULE,
        identity.RULE,
        splits.RULE,
        queries.RULE,
        order.RULE,
    ),
    "device": (importing.RULE, profile.RULE, readings.RULE, limit.RULE),
}
