"""DARTS: differentiable architecture search (Liu, Simonyan and Yang, ICLR 2019)."""

from __future__ import annotations

from collections.abc import Iterable

from harness.contracts import Batch, SearchBatch, StepMetrics
from harness.search.alternation import alternate
from harness.search.supernet_method import SupernetMethod
from harness.space.backpropagation import Outcome, ordinary
from harness_baselines.parameters import DartsParameters

__all__ = ["Darts"]


class Darts(SupernetMethod):
    """Alternating first-order steps on the whole supernet; nodes sum their edges plainly.

    As in the ordinary implementation, every backward pass computes the gradients of both α and w,
    of which one optimizer then uses its own. Departures from the DARTS paper, so that all methods
    here train alike: Adam with β1 = 0 for w too, and no gradient clipping. The temperature of the
    softmax stays at 1 as in the DARTS paper, unless `final_temperature` is lowered as in MetaNAS.
    """

    edge_pairs = False

    def __init__(self, parameters: DartsParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        super().__init__(parameters or DartsParameters())

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Do one search step: for each batch update α, then w."""
        self.begin_step()
        return alternate(batches, self._update_architecture, self._update_weights)

    def _update_architecture(self, batch: Batch) -> Outcome:
        outcome = self._compute_gradients(batch)
        self.architecture_optimizer.step()
        return outcome

    def _update_weights(self, batch: Batch) -> Outcome:
        outcome = self._compute_gradients(batch)
        self.weight_optimizer.step()
        return outcome

    def _compute_gradients(self, batch: Batch) -> Outcome:
        self.net.zero_grad()
        return ordinary(self.net, batch, self.net.mixing(self.temperature))
