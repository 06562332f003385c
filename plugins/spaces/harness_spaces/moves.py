"""Searches that move through a space: at random, step by step, or by a policy that learns."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.contracts import SearchTask
from harness_spaces.parameters import (
    EvolutionParameters,
    ReinforceParameters,
    SearchedByParameters,
)

__all__ = ["Evolution", "LocalSearch", "RandomArchitectures", "Reinforce"]


class RandomArchitectures:
    """Random search: the control of every other one (Li and Talwalkar, 2019)."""

    def __init__(self, _: SearchedByParameters | None = None) -> None:
        """Need nothing of the parameters: what evaluates is the harness's."""

    def start(self, task: SearchTask) -> None:
        """Begin a search."""
        self._task = task

    def ask(self) -> str:
        """Draw an architecture."""
        return self._task.space.sample(self._task.random)

    def tell(self, architecture: str, accuracy: float) -> None:
        """Learn nothing of it."""

    def tell_losses(self, architecture: str, losses: Sequence[float], excess: float) -> None:
        """Learn nothing of several objectives either."""


class Individual(NamedTuple):
    """An architecture of the population, and its accuracy in percent."""

    architecture: str
    accuracy: float


class Evolution:
    """Regularized evolution (Real et al., 2019, algorithm 1): the oldest dies, whatever its worth.

    It mutates the best of a few that are drawn from the population; each child replaces the oldest.
    The draw is without replacement, so that S equals P is a tournament of all.
    """

    def __init__(self, parameters: EvolutionParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or EvolutionParameters()

    def start(self, task: SearchTask) -> None:
        """Begin with an empty population."""
        self._task = task
        self._population: deque[Individual] = deque(maxlen=self.parameters.population)

    def ask(self) -> str:
        """Return a random architecture until the population is full; then a child."""
        space, random = self._task.space, self._task.random
        if len(self._population) < self.parameters.population:
            return space.sample(random)
        drawn = random.choice(len(self._population), self.parameters.sample, replace=False)
        parent = max((self._population[i] for i in drawn.tolist()), key=lambda each: each.accuracy)
        return space.mutate(parent.architecture, random)

    def tell(self, architecture: str, accuracy: float) -> None:
        """Add it to the population, from whose other end the oldest falls."""
        self._population.append(Individual(architecture, accuracy))


class LocalSearch:
    """Local search (White et al., 2021): climb to the best neighbour, and start anew at a top.

    What it has asked for before it knows, and does not ask again.
    """

    def __init__(self, _: SearchedByParameters | None = None) -> None:
        """Need nothing of the parameters: what evaluates is the harness's."""

    def start(self, task: SearchTask) -> None:
        """Begin nowhere."""
        self._task = task
        self._known: dict[str, float] = {}
        self._here: str | None = None
        self._waiting: deque[str] = deque()

    def ask(self) -> str:
        """Return a neighbour whose accuracy is not known, or a new start."""
        while not self._waiting and self._here is not None:
            self._move(self._here)
        if self._waiting:
            return self._waiting.popleft()
        return self._task.space.sample(self._task.random)

    def tell(self, architecture: str, accuracy: float) -> None:
        """Note it; a first answer says where the climb starts."""
        self._known[architecture] = accuracy
        if self._here is None:
            self._stand_at(architecture)

    def _move(self, here: str) -> None:
        """Go to the best neighbour, or, where none is better, away."""
        best = max(self._task.space.neighbours(here), key=self._known.__getitem__)
        if self._known[best] > self._known[here]:
            self._stand_at(best)
        else:
            self._here = None

    def _stand_at(self, architecture: str) -> None:
        self._here = architecture
        unknown = [n for n in self._task.space.neighbours(architecture) if n not in self._known]
        order = self._task.random.permutation(len(unknown)).tolist()
        self._waiting = deque(unknown[place] for place in order)


class Reinforce:
    """A policy gradient (Zoph and Le, 2017) in small: REINFORCE on a policy without a network.

    Their controller is a recurrent network that writes one decision after another. Here the policy
    is a softmax over the options of each decision, apart from the others: for cells of a few edges
    that is what later work compares with (Ying et al., 2019; Dong and Yang, 2020).

    The step is that of gradient ascent on (R - b) log p(a), with b a moving average of the rewards
    R, here accuracies in percent. R - b is bounded, so that the first bad answers do not decide.
    """

    LARGEST_ADVANTAGE = 3.0  # points

    def __init__(self, parameters: ReinforceParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or ReinforceParameters()

    def start(self, task: SearchTask) -> None:
        """Begin with every option equally likely."""
        self._task = task
        self._logits = [np.zeros(options) for options in task.space.options]
        self._baseline: float | None = None

    def ask(self) -> str:
        """Draw each decision from the policy."""
        drawn = [
            int(np.searchsorted(np.cumsum(_softmax(logits)), self._task.random.random()))
            for logits in self._logits
        ]
        # Rounding may leave the sum of probabilities a little below what was drawn.
        within = [
            min(each, len(logits) - 1) for each, logits in zip(drawn, self._logits, strict=True)
        ]
        return self._task.space.architecture(within)

    def tell(self, architecture: str, accuracy: float) -> None:
        """Move the policy by the gradient of the log-probability, times the advantage."""
        decay, largest = self.parameters.baseline_decay, self.LARGEST_ADVANTAGE
        before = self._baseline
        if math.isfinite(accuracy):
            before = accuracy if before is None else before
            advantage = float(np.clip(accuracy - before, -largest, largest))
            self._baseline = decay * before + (1 - decay) * accuracy
        else:  # a score that has no number
            advantage = math.copysign(largest, accuracy)
        for logits, option in zip(
            self._logits, self._task.space.decisions(architecture), strict=True
        ):
            gradient = -_softmax(logits)
            gradient[option] += 1.0
            np.add(logits, self.parameters.learning_rate * advantage * gradient, out=logits)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities (options,)."""
    exponentials = np.exp(logits - logits.max())
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum()
    return probabilities
