"""How weights and architecture parameters are updated, and at what rate and temperature.

Both optimizers follow the same rules, Adam without momentum (β1 = 0) or plain descent:

- `adam`: lr x g / (sqrt(v) + ε), v the mean of g² over the updates so far, recent ones first.
- `bounded`: lr x g / (max(sqrt(v), |g|) + ε): no element moves further than lr at once, even where
  its gradient is far larger than those before it, which Adam moves by up to 31 lr.
- `gradient-descent`: lr x g, as in algorithm 1 of On-NAS.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from harness.experiment.setting import Schedule
from harness.measure.dispatch import (
    each_abs,
    each_add_,
    each_addcdiv_,
    each_addcmul_,
    each_div_,
    each_maximum_,
    each_mul_,
    each_sqrt,
)
from harness.search.parameters import UpdateRule

__all__ = [
    "BETA_2",
    "EPSILON",
    "ArchitectureOptimizer",
    "WeightOptimizer",
    "rate_at",
    "temperature_at",
]

BETA_2 = 0.999
EPSILON = 1e-8
GROUP = 64  # weights updated together; what an update needs meanwhile is a small part of all


class WeightOptimizer(torch.optim.Optimizer):
    """Updates w, many weights in one operation.

    A supernet has hundreds of small weights, and one after the other their updates were a quarter
    of all operations of a search step. Torch's own `foreach` holds a copy of all second moments
    meanwhile, reads a counter from each weight, and keeps first moments, which with β1 = 0 are the
    gradients themselves.

    Weights without a gradient are left as they are, with their second moment and their count.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, rule: UpdateRule = "adam"
    ) -> None:
        """Optimize `parameters`, all on one device, at the learning rate `lr`."""
        super().__init__(parameters, {"lr": lr})
        self.rule: UpdateRule = rule

    @property
    def lr(self) -> float:
        """The learning rate, which a schedule may change."""
        rate: float = self.param_groups[0]["lr"]
        return rate

    @lr.setter
    def lr(self, rate: float) -> None:
        self.param_groups[0]["lr"] = rate

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override] # nothing here evaluates a loss again
        """Update every weight that has a gradient."""
        weights = [each for each in self.param_groups[0]["params"] if each.grad is not None]
        for start in range(0, len(weights), GROUP):
            self._update(weights[start : start + GROUP])

    def moments(self) -> list[Tensor | None]:
        """Return the second moment of each weight, corrected for its start; None without one."""
        return [
            state["second_moment"] / (1 - BETA_2 ** state["count"]) if state else None
            for state in (self.state.get(each, {}) for each in self.param_groups[0]["params"])
        ]

    def restore(self, moments: Iterable[Tensor]) -> None:
        """Go on from second moments that `moments` returned; zeros stand for none."""
        for weight, moment in zip(self.param_groups[0]["params"], moments, strict=True):
            if moment.any():
                self.state[weight] = {"count": math.inf, "second_moment": moment.clone()}

    def _update(self, weights: list[Tensor]) -> None:
        gradients = [each.grad for each in weights if each.grad is not None]
        if self.rule == "gradient-descent":
            each_add_(weights, gradients, alpha=-self.lr)
            return
        moments, corrections = zip(*map(self._advance, weights), strict=True)
        each_mul_(moments, BETA_2)
        each_addcmul_(moments, gradients, gradients, 1 - BETA_2)
        sizes = each_sqrt(moments)
        each_div_(sizes, corrections)
        if self.rule == "bounded":
            each_maximum_(sizes, each_abs(gradients))
        each_add_(sizes, EPSILON)
        each_addcdiv_(weights, gradients, sizes, -self.lr)

    def _advance(self, weight: Tensor) -> tuple[Tensor, float]:
        """Count an update; return the second moment, and what corrects its root for its start."""
        state = self.state[weight]
        if not state:
            state["count"], state["second_moment"] = 0, torch.zeros_like(weight)
        state["count"] += 1
        return state["second_moment"], math.sqrt(1 - BETA_2 ** state["count"])


class ArchitectureOptimizer:
    """Updates α and β, with weight decay, and can leave single elements of them alone.

    An element that is left alone keeps its value, its second moment and its count of updates to
    the bit. Torch's Adam can leave out whole parameters only: where the gradient is zero, it would
    still decay value and moment. Where every element is updated, both are the same.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        weight_decay: float,
        rule: UpdateRule = "adam",
    ) -> None:
        """Optimize `parameters`, with weight decay added to the gradient as in torch's Adam."""
        self.parameters = list(parameters)
        self.lr, self.weight_decay, self.rule = lr, weight_decay, rule
        keeps_moments = self.parameters if rule != "gradient-descent" else ()
        self.second_moments = [torch.zeros_like(p) for p in keeps_moments]
        self.counts = [torch.zeros_like(p) for p in keeps_moments]

    @torch.no_grad()
    def step(self, masks: Sequence[Tensor] | None = None) -> None:
        """Update every parameter that has a gradient.

        Args:
            masks: for each parameter, True for the elements to update; None for all of them.
        """
        for i, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                mask = masks[i] if masks is not None else None
                self._update(i, parameter, parameter.grad, mask)

    def zero_grad(self) -> None:
        """Free all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def moments(self) -> list[Tensor | None]:
        """Return the second moments, corrected for their start; zero where there was no update."""
        if not self.second_moments:
            return [None] * len(self.parameters)
        pairs = zip(self.second_moments, self.counts, strict=True)
        return [moment / (1 - BETA_2 ** count.clamp(min=1)) for moment, count in pairs]

    def restore(self, moments: Iterable[Tensor]) -> None:
        """Go on from second moments that `moments` returned; zeros stand for none."""
        pairs = zip(self.second_moments, self.counts, strict=True)
        for moment, (mine, count) in zip(moments, pairs, strict=True):
            mine.copy_(moment)
            count.copy_(torch.where(moment > 0, math.inf, 0.0))

    def _update(
        self, i: int, parameter: nn.Parameter, gradient: Tensor, mask: Tensor | None
    ) -> None:
        gradient = gradient + self.weight_decay * parameter
        if self.rule == "gradient-descent":
            _write(parameter, parameter - self.lr * gradient, mask)
            return
        count = self.counts[i] + 1
        moment = BETA_2 * self.second_moments[i] + (1 - BETA_2) * gradient.square()
        size = (moment / (1 - BETA_2**count)).sqrt()
        if self.rule == "bounded":
            size = torch.maximum(size, gradient.abs())
        _write(parameter, parameter - self.lr * gradient / (size + EPSILON), mask)
        _write(self.second_moments[i], moment, mask)
        _write(self.counts[i], count, mask)


def _write(target: Tensor, new: Tensor, mask: Tensor | None) -> None:
    """Write into `target` where the mask is True; everywhere without one."""
    target.copy_(new if mask is None else torch.where(mask, new, target))


def rate_at(step: int, steps: int, rate: float, schedule: Schedule) -> float:
    """Return the learning rate of a search step: `rate`, or less.

    `cosine` is half a cosine from the first step towards 0; `late` stays at `rate` for the first
    half of the search, and falls linearly towards 0 in the second.

    Args:
        step: number of the step, from 0.
        steps: how many steps the search has.
        rate: that of the first step.
        schedule: whether and when it falls.
    """
    done = min(step / steps, 1.0)
    if schedule == "cosine":
        return rate * (1 + math.cos(math.pi * done)) / 2
    return rate * min(1.0, 2 - 2 * done) if schedule == "late" else rate


def temperature_at(step: int, steps: int, final: float) -> float:
    """Return the temperature of a search step: linear from 1 at the first to `final` at the last.

    Args:
        step: number of the step, from 0; later ones than the last keep its temperature.
        steps: how many steps the search has.
        final: temperature of the last step; a search of one step stays at 1.
    """
    if steps <= 1:
        return 1.0
    return 1.0 + (final - 1.0) * min(step / (steps - 1), 1.0)
