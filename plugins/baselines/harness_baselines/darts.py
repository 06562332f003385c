"""DARTS: differentiable architecture search (Liu, Simonyan and Yang, ICLR 2019)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from harness.contracts import Batch, SearchBatch
from harness.space.backpropagation import Outcome
from harness.space.running_statistics import frozen_statistics
from harness_baselines.first_order import FirstOrderMethod
from harness_baselines.parameters import DartsParameters
from harness_baselines.unrolling import unrolled_gradient

__all__ = ["Darts"]


class Darts(FirstOrderMethod):
    """Alternating steps of first or second order on the whole supernet.

    Nodes sum their edges plainly. Departures from the DARTS paper, so that all methods here train
    alike: Adam with β1 = 0 for w too, and no gradient clipping. The temperature of the softmax
    stays at 1 as in the DARTS paper, unless `final_temperature` is lowered as in MetaNAS.

    With `order=second` the gradient of α is taken one step of w ahead, on the pair of batches at
    hand. That step is one of plain gradient descent at the learning rate of w, as in the paper's
    equation 6; w itself is then trained by Adam, so it is an approximation of what w will be.
    """

    edge_pairs = False

    def __init__(self, parameters: DartsParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or DartsParameters()
        super().__init__(self.parameters, self.parameters)

    def update(self, batch: SearchBatch) -> Outcome:
        """Update α on one part of the batch, then w on the other."""
        if self.parameters.order == "second":
            self._update_architecture_ahead(batch)
            return self.update_weights(batch.weights)
        return super().update(batch)

    def _update_architecture_ahead(self, batch: SearchBatch) -> None:
        # Most of these passes are at weights that w never takes.
        with frozen_statistics(self.net):
            unrolled_gradient(
                self.net.weight_parameters(),
                self.net.architecture_parameters(),
                train=self._gradients_of(batch.weights),
                validate=self._gradients_of(batch.architecture),
                lr=self.weight_lr,
            )
        self.architecture_optimizer.step()

    def _gradients_of(self, part: Batch) -> Callable[[], Outcome]:
        # One draw of drop path for all passes: a difference of two draws would be noise.
        return partial(self.compute_gradients, part, self.draw_drop_path(len(part.labels)))
