"""Each image is judged on its own, and predicting is no learning."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.conformance.images import NoiseImages
from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import SETTING, context_for, support_of
from harness.contracts import SearchMethod
from harness.trials.episode import MethodDriver, draw, search_steps

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
    method: SearchMethod = subject.create()
    for _ in search_steps(MethodDriver(seed=0, index=0), method, context_for(), support_of):
        pass
    return method, torch.from_numpy(draw(NoiseImages(), SETTING, 0, 0).query_images)


def _copied(method: SearchMethod) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in method.state_dict().items()}


RULE = Rule(
    "predictions-stand-alone",
    "predict returns logits (N, classes) that are numbers, judges each image as it would alone, "
    "and changes nothing",
    _check,
)
