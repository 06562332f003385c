"""Each image is judged on its own, and predicting is no learning."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.conformance.images import NoiseImages
from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import BUDGET, SETTING, begin, context_for
from harness.contracts import SearchBatch, SearchMethod
from harness.trials.few_shot import batches, draw

__all__ = ["RULE"]

# Other sizes of a batch may be summed in another order.
RELATIVE, ABSOLUTE = 1e-3, 1e-4


def _check(subject: Subject) -> None:
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
    context, episode = context_for(), draw(NoiseImages(), SETTING, 0, 0)
    support, queries = (
        batches(images, labels, len(images), context.device)
        for images, labels in (
            (episode.support_images, episode.support_labels),
            (episode.query_images, episode.query_labels),
        )
    )
    method = begin(subject, context)
    for _ in range(BUDGET.search_steps):
        method.search_step([SearchBatch(batch, batch) for batch in support])
    return method, queries[0].images


def _copied(method: SearchMethod) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in method.state_dict().items()}


RULE = Rule(
    "predictions-stand-alone",
    "predict returns logits (N, classes) that are numbers, judges each image as it would alone, "
    "and changes nothing",
    _check,
)
