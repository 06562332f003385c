"""What DARTS and its descendants share: first-order steps on whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from torch import nn

from harness.contracts import Batch, SearchContext
from harness.search.engines import engine_named
from harness.search.holding import held_still
from harness.search.parameters import EngineName, SearchParameters
from harness.search.supernet_method import SupernetMethod
from harness.space.backpropagation import Outcome, ordinary
from harness.space.drop_path import DropPath

__all__ = ["FirstOrderMethod"]


class FirstOrderMethod(SupernetMethod):
    """Alternating first-order steps on the whole supernet (DARTS, section 2.3, ξ = 0).

    As in the ordinary implementation, with the ordinary engine every backward pass computes the
    gradients of both the architecture and w, of which one optimizer then uses its own: published
    memory and times are those of that. The other engines compute only what is used.
    """

    def __init__(self, parameters: SearchParameters, engine: EngineName = "ordinary") -> None:
        """Take the parameters, and the engine that a search computes its gradients with."""
        super().__init__(parameters)
        self.engine = engine_named(engine)

    def build(self, context: SearchContext) -> None:
        """Build the supernet; offline, where memory is no matter, with the fastest engine."""
        super().build(context)
        if context.pretraining:
            self.engine = ordinary

    def update_architecture(self, batch: Batch) -> object:
        """Update α, and β where there is one, once."""
        with self._held_still(self.net.weight_parameters()):
            outcome = self.compute_gradients(batch, self.draw_drop_path(len(batch.labels)))
        self.architecture_optimizer.step()
        return outcome

    def update_weights(self, batch: Batch) -> Outcome:
        """Update w once; return what the batch showed before."""
        with self._held_still(self.net.architecture_parameters()):
            outcome = self.compute_gradients(batch, self.draw_drop_path(len(batch.labels)))
        self.weight_optimizer.step()
        return outcome

    def compute_gradients(self, batch: Batch, drop_path: DropPath | None) -> Outcome:
        """Put the gradients of the batch's loss in the place of those that were there."""
        self.net.zero_grad()
        mixing = self.net.mixing(self.temperature, drop_path=drop_path)
        return self.engine(self.net, batch, mixing)

    def _held_still(self, parameters: Sequence[nn.Parameter]) -> AbstractContextManager[None]:
        return nullcontext() if self.engine is ordinary else held_still(parameters)
