"""Predictor-based search, in the shape of BANANAS (White et al., 2021).

A predictor learns from all answers so far and says, of candidates, what it expects and how sure it
is; an acquisition function turns both into an order. BANANAS has an ensemble of networks on path
encodings. Here it is a Gaussian process on one-hot encodings, whose uncertainty comes with it.
"""

from __future__ import annotations

from collections import deque
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata  # type: ignore[import-untyped]
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

from harness.contracts import SearchTask
from harness_spaces.parameters import PredictorParameters

__all__ = ["PredictorSearch"]

Floats = NDArray[np.float64]

PARENTS = 10  # of the best so far, whose mutations are candidates, as in BANANAS
RANDOM_SHARE = 4  # one candidate in so many is drawn at random
NOISE = 0.1  # variance of what a sum over decisions cannot explain, of targets with variance 1


class PredictorSearch:
    """Asks for the candidates whose answer, drawn from the predictor, would be the best.

    The acquisition is independent Thompson sampling: for each candidate one draw from its own
    predicted distribution. Targets are the ranks of accuracies, as points of a normal distribution:
    only the order matters, and the many bad architectures do not stretch the scale.
    """

    def __init__(self, parameters: PredictorParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or PredictorParameters()

    def start(self, task: SearchTask) -> None:
        """Begin with nothing known."""
        self._task = task
        self._known: dict[str, float] = {}
        self._vectors: list[Floats] = []
        self._waiting: deque[str] = deque()

    def ask(self) -> str:
        """Return a random architecture at first; then the next of the batch last chosen."""
        if len(self._known) < self.parameters.start:
            return self._task.space.sample(self._task.random)
        if not self._waiting:
            self._waiting.extend(self._choose(self._candidates()))
        return self._waiting.popleft()

    def tell(self, architecture: str, accuracy: float) -> None:
        """Take it in; the predictor learns it at its next fit."""
        if architecture not in self._known:
            self._known[architecture] = accuracy
            self._vectors.append(self._task.space.vector(architecture))

    def _candidates(self) -> list[str]:
        """Return mutations of the best and random architectures that were not asked for, each once.

        Where a small space has none left, an architecture is asked for again.
        """
        space, random = self._task.space, self._task.random
        parents = sorted(self._known, key=self._known.__getitem__, reverse=True)[:PARENTS]
        drawn = [
            space.sample(random)
            if number % RANDOM_SHARE == 0
            else space.mutate(parents[number % len(parents)], random)
            for number in range(self.parameters.candidates)
        ]
        fresh = [each for each in dict.fromkeys(drawn) if each not in self._known]
        return fresh or drawn[:1]

    def _choose(self, candidates: list[str]) -> list[str]:
        """Return a batch of the candidates, the most promising first."""
        predictor = GaussianProcessRegressor(
            RBF(self.parameters.length_scale) + WhiteKernel(NOISE), optimizer=None
        )
        predictor.fit(np.array(self._vectors), normal_scores(list(self._known.values())))
        encoded = np.array([self._task.space.vector(each) for each in candidates])
        mean, deviation = predictor.predict(encoded, return_std=True)
        drawn = mean + deviation * self._task.random.standard_normal(len(candidates))
        order = np.argsort(-drawn, kind="stable")[: self.parameters.batch]
        return [candidates[place] for place in order.tolist()]


def normal_scores(values: list[float]) -> Floats:
    """Return for each value the point of a standard normal distribution at its rank.

    Equal values share the mean of their ranks.
    """
    levels = (rankdata(values) - 0.5) / len(values)  # ranks count from 1
    return np.array([NormalDist().inv_cdf(level) for level in levels.tolist()])
