"""A policy gradient (Zoph and Le, 2017) in small: REINFORCE on a policy without a network.

Their controller is a recurrent network that writes one decision after another. Here the policy is a
softmax over the options of each decision, apart from the others: for cells of a few edges that is
what later work compares with (Ying et al., 2019; Dong and Yang, 2020).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.contracts import SearchTask
from harness_spaces.parameters import ReinforceParameters

__all__ = ["Reinforce"]


class Reinforce:
    """Draws from the policy, and makes what was better than the baseline more likely.

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
        decay = self.parameters.baseline_decay
        before = accuracy if self._baseline is None else self._baseline
        advantage = float(
            np.clip(accuracy - before, -self.LARGEST_ADVANTAGE, self.LARGEST_ADVANTAGE)
        )
        for logits, option in zip(
            self._logits, self._task.space.decisions(architecture), strict=True
        ):
            gradient = -_softmax(logits)
            gradient[option] += 1.0
            np.add(logits, self.parameters.learning_rate * advantage * gradient, out=logits)
        self._baseline = decay * before + (1 - decay) * accuracy


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities (options,)."""
    exponentials = np.exp(logits - logits.max())
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum()
    return probabilities
