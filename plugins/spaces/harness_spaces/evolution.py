"""Regularized evolution (Real et al., 2019, algorithm 1): the oldest dies, whatever its worth."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from harness.contracts import SearchTask
from harness_spaces.parameters import EvolutionParameters

__all__ = ["Evolution"]


class Individual(NamedTuple):
    """An architecture of the population, and its accuracy in percent."""

    architecture: str
    accuracy: float


class Evolution:
    """Mutates the best of a few that are drawn from the population; each child replaces the oldest.

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
