"""How a method learns the tasks of its pretraining, in whichever process it does so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from harness.contracts import Adaptation, Dataset, PretrainedMethod, SearchContext, SearchMethod
from harness.experiment.budget import Budget
from harness.experiment.pretraining import Pretraining
from harness.pretraining.meta_tasks import meta_task
from harness.results.record import Outcome, TrialError
from harness.runtime.seeding import INITIAL_WEIGHTS, seed_generators
from harness.runtime.threads import choose_threads
from harness.trials.limits import NotFiniteError

__all__ = ["Learning", "MethodName", "Pretrainable", "failure_of"]


class Pretrainable(SearchMethod, PretrainedMethod, Protocol):
    """A search method that can be pretrained."""


class MethodName(NamedTuple):
    """What a method is made from."""

    name: str
    params: dict[str, Any]


class Learning:
    """Has a method built, and its tasks learned one by one.

    A task depends on the meta parameters and on its number alone, since all generators are seeded
    for it.
    """

    def __init__(self, pretraining: Pretraining, dataset: Dataset, device: torch.device) -> None:
        """Choose the threads of this process; the method is not built yet."""
        self.pretraining, self.dataset, self.device = pretraining, dataset, device
        budget = pretraining.budget
        choose_threads(budget.meta_batch, dataset.image_shape, budget.channels)

    def build(self, method: Pretrainable, state: Mapping[str, Tensor] | None) -> None:
        """Build the method from what its `state_dict` returned; from nothing if that is None."""
        self._generator = seed_generators(self.pretraining.seed, INITIAL_WEIGHTS)
        method.build(self.context(initial_state=state, generator=self._generator))

    def learn(self, method: Pretrainable, meta_epoch: int, index: int) -> Adaptation:
        """Have a method that was built learn task `index` of a meta-epoch; both count from 0.

        Raises:
            NotFiniteError: the loss is no finite number.
        """
        task = meta_task(self.pretraining, self.dataset, meta_epoch, index, self.device)
        seed = self.pretraining.seed
        seed_generators(seed, "meta-epoch", meta_epoch, index, generator=self._generator)
        adaptation = method.adapt(task)
        loss = adaptation.metrics["loss"]
        if not math.isfinite(loss):
            raise NotFiniteError(
                f"the loss became {loss} in meta-epoch {meta_epoch + 1}, task {index + 1}"
            )
        return adaptation

    def context(self, **given: Any) -> SearchContext:
        """Say what a method is told; `given` are the state, the generator, and so on."""
        budget = self.pretraining.budget
        told: dict[str, Any] = {
            "image_shape": self.dataset.image_shape,
            "classes": self.pretraining.ways,
            "channels": budget.channels,
            "budget": Budget(search_steps=budget.meta_steps, **budget.model_dump()),
            "steps": budget.meta_steps,
            "device": self.device,
            "pretraining": True,
        }
        return SearchContext(**{**told, **given})


def failure_of(error: Exception) -> Outcome:
    """Return the outcome of a pretraining that an exception has ended."""
    message = str(error) or type(error).__name__
    failure = TrialError(type=type(error).__name__, message=message, stage="pretraining")
    return Outcome(status="error", error=failure)
