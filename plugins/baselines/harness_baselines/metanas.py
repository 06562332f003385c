"""MetaNAS: meta-learning of neural architectures (Elsken et al., CVPR 2020)."""

from __future__ import annotations

from harness_baselines.first_order import FirstOrderMethod
from harness_baselines.parameters import MetaNasParameters

__all__ = ["MetaNas"]


class MetaNas(FirstOrderMethod):
    """MetaNAS's task learner: DARTS, first order, with β and soft pruning.

    β weighs pairs of edges (its section 4), so that a node comes to keep two of them. The
    temperature of the softmax over α and β falls from 1 to 0.1 over the search steps, linearly:
    the mixture becomes the discrete architecture by itself, and needs no training after pruning.
    """

    def __init__(self, parameters: MetaNasParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        given = parameters or MetaNasParameters()
        super().__init__(given, given)
