"""NSGA-II (Deb et al., 2002) by pymoo: a population spreads along the front of all objectives."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.contracts import SearchTask
from harness.errors import UsageError
from harness_spaces.parameters import Nsga2Parameters

__all__ = ["Nsga2"]


class Nsga2:
    """Asks for children, and lets pymoo choose from them and the population who breeds the next.

    By default it is the steady-state variant (Durillo et al., 2009), with one child at a time. One
    decision of each child is mutated; its parents may have been crossed before. What was asked for
    before is not asked for again. What exceeds a limit loses to what does not, and to what exceeds
    it by less (constraint domination, section VI there).
    """

    def __init__(self, parameters: Nsga2Parameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or Nsga2Parameters()

    def start(self, task: SearchTask) -> None:
        """Begin with a random generation.

        Raises:
            UsageError: pymoo is not installed.
        """
        self._task = task
        self._asked: set[str] = set()
        self._algorithm = self._made()
        self._generation: Any = None  # pymoo's, while it is asked for
        self._waiting: deque[str] = deque()
        self._told: list[tuple[Sequence[float], float]] = []

    def ask(self) -> str:
        """Return the next of the generation; a random architecture where none is left to breed."""
        if self._generation is None:
            self._generation = self._algorithm.ask()
            if self._generation is None:
                return self._task.space.sample(self._task.random)
            self._waiting.extend(map(self._architecture, self._generation))
            self._asked.update(self._waiting)
        return self._waiting.popleft()

    def tell(self, architecture: str, accuracy: float) -> None:
        """Take one number, which is to be large."""
        self.tell_losses(architecture, [-accuracy], 0.0)

    def tell_losses(self, architecture: str, losses: Sequence[float], excess: float) -> None:
        """Note all objectives; with the last of a generation, let pymoo choose."""
        self._asked.add(architecture)
        if self._generation is None:
            return
        self._told.append((losses, excess))
        if self._waiting:
            return
        self._generation.set("F", np.array([losses for losses, _ in self._told], dtype=float))
        self._generation.set("CV", np.array([[excess] for _, excess in self._told], dtype=float))
        self._algorithm.tell(infills=self._generation)
        self._generation, self._told = None, []

    def do(self, children: Any, *others: Any) -> Any:
        """Return the children that are new, each once; pymoo calls what removes duplicates so."""
        seen = {self._architecture(each) for other in others for each in other} | self._asked
        fresh = []
        for place, child in enumerate(children):
            architecture = self._architecture(child)
            if architecture not in seen:
                fresh.append(place)
                seen.add(architecture)
        return children[fresh]

    def _made(self) -> Any:
        try:
            from pymoo.algorithms.moo.nsga2 import NSGA2  # noqa: PLC0415 - an extra
            from pymoo.core.problem import Problem  # noqa: PLC0415 - an extra
            from pymoo.core.termination import NoTermination  # noqa: PLC0415 - an extra
            from pymoo.operators.crossover.ux import UniformCrossover  # noqa: PLC0415 - an extra
        except ImportError:
            raise UsageError(
                "search 'nsga2' needs pymoo, which is not installed; install the extra 'fronts': "
                "pip install 'onnas-harness[fronts]'"
            ) from None
        space, random = self._task.space, self._task.random
        count = self.parameters.population
        first = np.array([space.decisions(space.sample(random)) for _ in range(count)])
        algorithm = NSGA2(
            count,
            n_offsprings=self.parameters.children,
            sampling=first,
            crossover=UniformCrossover(prob=self.parameters.crossover),
            mutation=self._mutate,
            eliminate_duplicates=self,
            seed=int(random.integers(2**31)),
        )
        decisions = len(space.options)
        problem = Problem(n_var=decisions, n_obj=self._task.objectives, n_ieq_constr=1)
        return algorithm.setup(problem, termination=NoTermination())

    def _mutate(self, _: Any, children: Any, **__: Any) -> Any:
        space = self._task.space
        for child in children:
            mutated = space.mutate(self._architecture(child), self._task.random)
            child.X = np.array(space.decisions(mutated))
        return children

    def _architecture(self, individual: Any) -> str:
        return self._task.space.architecture(individual.X.tolist())
