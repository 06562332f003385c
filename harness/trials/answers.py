"""Answers black-box searches: by what a table knows of an architecture, or by a zero-cost score.

An answer is one number, or all objectives where a front is wanted. The best answer of the whole
table is found as well, since regret is counted from it.

A front's hypervolume is the share of the table's own that was found. Its reference point is the
median of the whole table in each objective: what half of all architectures do better counts for
nothing. From the worst of the table a handful of random architectures would span nearly all of it,
since one that computes nothing is infinitely fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.contracts import (
    ArchitectureSpace,
    ArchitectureTable,
    BuildsNetwork,
    CountsCost,
    KnowsLatency,
    ListsArchitectures,
    ZeroCostScore,
)
from harness.experiment.objective import Cost, Objective
from harness.runtime.determinism import seed_for

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Answer", "Judge", "Scorer"]

Floats = NDArray[np.float64]


class Answer(NamedTuple):
    """What a search learns about an architecture that it asked for."""

    architecture: str
    accuracy: float  # percent
    costs: dict[Cost, float]  # those that the objective names
    value: float  # of the objective as one number, the more the better; limits left aside
    excess: float  # by which shares of the limits they are exceeded, in all; 0 where it keeps them

    @property
    def told(self) -> float:
        """The one number that a search is told: 0 where a limit is exceeded."""
        return 0.0 if self.excess else self.value


@dataclass
class Judge:
    """Answers for one table and objective; what needs the whole table is computed at most once."""

    objective: Objective
    table: ArchitectureTable
    space: ArchitectureSpace
    _costs: dict[str, dict[Cost, float]] = field(default_factory=dict)

    def answer(self, architecture: str) -> Answer:
        """Return what is known of an architecture in its canonical form."""
        accuracy, objective = self.table.accuracy(architecture), self.objective
        if not objective.costs:
            return Answer(architecture, accuracy, {}, accuracy, 0.0)
        costs = self.costs(architecture)
        value = accuracy
        if weight := objective.weight:
            value *= (costs[weight.cost] / weight.target) ** weight.exponent
        over = (costs[cost] / most - 1 for cost, most in objective.limits.items())
        return Answer(architecture, accuracy, costs, value, sum(max(each, 0.0) for each in over))

    def costs(self, architecture: str) -> dict[Cost, float]:
        """Return what an architecture costs, of what the objective names."""
        if architecture not in self._costs:
            wanted = self.objective.costs
            known = self.all_costs(architecture, with_counts=wanted != ("latency",))
            self._costs[architecture] = {cost: known[cost] for cost in wanted}
        return self._costs[architecture]

    def all_costs(self, architecture: str, *, with_counts: bool = True) -> dict[Cost, float]:
        """Return all that is known of what an architecture costs, in the units of the metrics."""
        known: dict[Cost, float] = {}
        if isinstance(self.table, KnowsLatency):
            latency = self.table.latency(architecture)
            known |= {} if latency is None else {"latency": latency}
        if with_counts and isinstance(self.space, CountsCost):
            shape, classes = self.table.image_shape, self.table.classes
            flops, parameters = self.space.cost(architecture, shape, classes)
            known |= {"flops": flops / 1e6, "parameters": parameters / 1e6}
        return known

    def losses(self, answer: Answer) -> tuple[float, ...]:
        """Return what is to be as small as can be: 100 less the accuracy, then the front's costs.

        Where no front is wanted it is the objective's one number, negated.
        """
        if not self.objective.front:
            return (-answer.value,)
        return (100 - answer.accuracy, *(answer.costs[cost] for cost in self.objective.front))

    @cached_property
    def best(self) -> float | None:
        """The largest value of the objective that the table has; None where nothing keeps limits.

        Of a front it is the largest accuracy on it.
        """
        if not self.objective.costs:
            return self.table.best
        return max((each.value for each in self._every if not each.excess), default=None)

    def front(self, answers: Sequence[Answer]) -> list[Answer]:
        """Return the Pareto front of the answers that keep the limits, the most accurate first.

        Of several answers that are equal in all objectives, it has one.
        """
        from pymoo.util.nds.non_dominated_sorting import (  # noqa: PLC0415 - an extra
            NonDominatedSorting,
        )

        fitting = {self.losses(each): each for each in reversed(answers) if not each.excess}
        losses = sorted(fitting)
        if not losses:
            return []
        places = NonDominatedSorting().do(np.array(losses), only_non_dominated_front=True)
        return [fitting[losses[place]] for place in sorted(places.tolist())]

    def hypervolume(self, front: Sequence[Answer]) -> float | None:
        """Return the share of the table's hypervolume that a front has, in percent.

        None where the table's own front has no volume, being nowhere better than the median.
        """
        return 100 * self._volume(front) / self._whole if self._whole else None

    @cached_property
    def _every(self) -> list[Answer]:
        assert isinstance(self.table, ListsArchitectures)  # noqa: S101 - checked in planning
        return [self.answer(each) for each in self.table.architectures()]

    @cached_property
    def _reference(self) -> Floats:
        """The median of each objective over the whole table: (objectives,)."""
        losses = np.array([self.losses(each) for each in self._every])
        median: Floats = np.median(losses, axis=0)
        return median

    @cached_property
    def table_front(self) -> list[Answer]:
        """The front of the whole table."""
        return self.front(self._every)

    @cached_property
    def _whole(self) -> float:
        return self._volume(self.table_front)

    def _volume(self, front: Sequence[Answer]) -> float:
        from pymoo.indicators.hv import HV  # noqa: PLC0415 - an extra

        losses = np.array([self.losses(each) for each in front])
        return float(HV(ref_point=self._reference)(losses)) if len(losses) else 0.0


@dataclass
class Scorer:
    """Scores networks, fresh from their initialization, and counts what an evaluation holds.

    Attributes:
        score: the zero-cost score.
        space: builds the networks.
        batch: images and labels.
        classes: that the networks tell apart.
        seed: of initial weights, which an architecture has again when it is asked for again.
        peak_bytes: memory of the largest evaluation: weights, batch, and what the score computes.
    """

    score: ZeroCostScore
    space: BuildsNetwork
    batch: tuple[Tensor, Tensor]
    classes: int
    seed: int
    peak_bytes: int = 0
    _known: dict[str, float] = field(default_factory=dict)

    def value(self, architecture: str) -> float:
        """Return the score of an architecture."""
        if architecture not in self._known:
            self._known[architecture] = self._scored(architecture)
        return self._known[architecture]

    def _scored(self, architecture: str) -> float:
        # Imports torch, which what a table answers need not wait for.
        from torch import manual_seed  # noqa: PLC0415 - see above

        from harness.measure.memory import MemoryCounter  # noqa: PLC0415 - see above

        images, labels = self.batch
        _, *shape = images.shape
        manual_seed(seed_for(self.seed, "weights", architecture))
        counter = MemoryCounter(images.device.type)
        counter.watch(self.batch)
        with counter:
            network = self.space.network(architecture, (shape[0], shape[1], shape[2]), self.classes)
            value = self.score(network, images, labels)
        self.peak_bytes = max(self.peak_bytes, counter.peak_bytes)
        return value
