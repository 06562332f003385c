"""Rules for what a search method returns: metrics, predictions, architectures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.conformance.rule import BrokenRuleError, NotApplicableError, Rule, Subject
from harness.conformance.trials import (
    BUDGET,
    SETTING,
    SHORTEST,
    NoiseImages,
    begin,
    budget_for,
    context_for,
    run,
)
from harness.contracts import FindsArchitecture, SearchBatch, SearchMethod
from harness.errors import UsageError
from harness.loop.episode import batches, draw
from harness.space.genotype import Genotype
from harness.space.spec import METANAS
from harness.space.supernet import DiscreteNetwork

__all__ = [
    "ARCHITECTURE_IS_VALID",
    "METRICS_ARE_NUMBERS",
    "NO_QUERY_LABELS",
    "PREDICTIONS_STAND_ALONE",
]

# What a search step reports are numbers, and the accuracy is in percent.


def _check_metrics(subject: Subject) -> None:
    steps: list[dict[str, Any]] = []
    run(subject, send=steps.append)  # which a loss that is not finite ends
    for event in steps:
        where = f"at task {event['task'] + 1}, search step {event['step'] + 1}"
        accuracy = event["accuracy"]
        if not 0 <= accuracy <= 100:
            raise BrokenRuleError(f"the accuracy was {accuracy} {where}")


METRICS_ARE_NUMBERS = Rule(
    "metrics-are-numbers",
    "a search step returns its mean loss, a finite number, and its accuracy on the step's own "
    "images, in percent from 0 to 100",
    _check_metrics,
)


# Each image is judged on its own, and nothing is learned from it.


# Other sizes of a batch may be summed in another order.
RELATIVE, ABSOLUTE = 1e-3, 1e-4


def _check_predictions(subject: Subject) -> None:
    method, images = _searched(subject)
    together = method.predict(images).detach().clone()
    if together.shape != (len(images), SETTING.ways):
        raise BrokenRuleError(
            f"predict returned logits of shape {tuple(together.shape)} for {len(images)} images "
            f"of {SETTING.ways} classes"
        )
    if together.isnan().any():
        raise BrokenRuleError("predict returned logits that are NaN")
    before = _copied(method)
    alone = torch.cat([method.predict(image[None]).detach() for image in images])
    if not torch.allclose(together, alone, RELATIVE, ABSOLUTE):
        distance = (together - alone).abs().max()
        raise BrokenRuleError(
            "the logits of an image change with the images that are predicted beside it, by up to "
            f"{float(distance):.3g}"
        )
    for name, value in _copied(method).items():
        if not torch.equal(value, before[name]):
            raise BrokenRuleError(f"predict changed the tensor '{name}'")


def _searched(subject: Subject) -> tuple[SearchMethod, Tensor]:
    """Return a method at the end of a search, and the query images."""
    budget = budget_for(subject)
    context, episode = context_for(budget=budget), draw(NoiseImages(), SETTING, 0, 0)
    support, queries = (
        batches(images, labels, len(images), context.device)
        for images, labels in (
            (episode.support_images, episode.support_labels),
            (episode.query_images, episode.query_labels),
        )
    )
    method = begin(subject, context)
    for _ in range(budget.search_steps):
        method.search_step([SearchBatch(batch, batch) for batch in support])
    return method, queries[0].images


def _copied(method: SearchMethod) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in method.state_dict().items()}


PREDICTIONS_STAND_ALONE = Rule(
    "predictions-stand-alone",
    "predict returns logits (N, classes) that are numbers, judges each image as it would alone, "
    "and changes nothing",
    _check_predictions,
)


# No query label is read: predictions stay the same whatever the labels are.


def _check_labels(subject: Subject) -> None:
    """Run the same trial with other labels on the same query images."""
    right = run(subject, budget=SHORTEST)
    turned = run(subject, images=NoiseImages(turned_by=1), budget=SHORTEST)
    for number, (one, other) in enumerate(zip(right.logits, turned.logits, strict=True)):
        if not torch.equal(one, other):
            raise BrokenRuleError(
                f"the logits of call {number + 1} of predict changed when nothing but the labels "
                "of the query images did"
            )


NO_QUERY_LABELS = Rule(
    "no-query-labels",
    "what a method predicts for query images depends in no way on their labels, which it is never "
    "handed",
    _check_labels,
)


# What a search arrives at is an architecture of the space, which can be built from its file.


def _check_architecture(subject: Subject) -> None:
    if not isinstance(subject.create(), FindsArchitecture):
        raise NotApplicableError("the method has no architecture to tell")
    session = run(subject, budget=SHORTEST).session
    initial = [] if session.initial_architecture is None else [session.initial_architecture]
    for found in [*initial, *session.architectures]:
        try:
            genotype = Genotype.model_validate(found)
            rebuilt = METANAS.genotype(genotype.to_json())
        except (UsageError, ValueError) as error:
            raise BrokenRuleError(f"an architecture is not in the space: {error}") from error
        _build(rebuilt)


def _build(genotype: Genotype) -> None:
    channels, height, width = NoiseImages.image_shape
    net = DiscreteNetwork(genotype, channels, SETTING.ways, BUDGET.channels or 1)
    logits = net(torch.zeros(2, channels, height, width))
    if logits.shape != (2, SETTING.ways):
        raise BrokenRuleError(f"its network gives logits of shape {tuple(logits.shape)}")


ARCHITECTURE_IS_VALID = Rule(
    "architecture-is-valid",
    "architecture(), where there is one, returns a Genotype of the shared space, which survives "
    "its JSON file and from which the network can be built again",
    _check_architecture,
)
