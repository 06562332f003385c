"""What DARTS and its descendants share: first-order steps on whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from torch import nn

from harness.contracts import Batch, SearchContext
from harness.search.engines import engine_named
from harness.search.micro_batches import WHOLE, Parts, accumulate_gradients, split_batch
from harness.search.parameters import EngineParameters, SearchParameters
from harness.search.supernet_method import SupernetMethod
from harness.space.backpropagation import Outcome, ordinary
from harness.space.drop_path import DropPath
from harness.space.frozen import frozen
from harness.space.mixing import Mixing

__all__ = ["FirstOrderMethod"]


class FirstOrderMethod(SupernetMethod):
    """Alternating first-order steps on the whole supernet (DARTS, section 2.3, ξ = 0).

    As in the ordinary implementation, with the ordinary engine every backward pass computes the
    gradients of both the architecture and w, of which one optimizer then uses its own: published
    memory and times are those of that. The other engines compute only what is used.
    """

    def __init__(self, parameters: SearchParameters, engine: EngineParameters) -> None:
        """Take the parameters, and how a search computes its gradients."""
        super().__init__(parameters, Parts(engine.micro_batches, engine.micro_batch_images))
        self.engine = engine_named(engine.engine)

    def build(self, context: SearchContext) -> None:
        """Build the supernet; offline, where memory does not matter, batches are whole."""
        super().build(context)
        if context.pretraining:
            self.engine, self.parts = ordinary, WHOLE

    def update_architecture(self, batch: Batch) -> object:
        """Update α, and β where there is one, once."""
        with self._frozen(self.net.weight_parameters()):
            outcome = self.compute_gradients(batch, self.draw_drop_path(len(batch.labels)))
        self.architecture_optimizer.step()
        return outcome

    def update_weights(self, batch: Batch) -> Outcome:
        """Update w once; return what the batch showed before."""
        with self._frozen(self.net.architecture_parameters()):
            outcome = self.compute_gradients(batch, self.draw_drop_path(len(batch.labels)))
        self.weight_optimizer.step()
        return outcome

    def compute_gradients(self, batch: Batch, drop_path: DropPath | None) -> Outcome:
        """Put the gradients of the batch's loss in the place of those that were there."""
        self.net.zero_grad()
        parts = split_batch(batch, self.parts)

        def mixing() -> Mixing:
            return self.net.mixing(self.temperature, drop_path=drop_path)

        return accumulate_gradients(self.engine, self.net, parts, mixing)

    def _frozen(self, parameters: Sequence[nn.Parameter]) -> AbstractContextManager[None]:
        return nullcontext() if self.engine is ordinary else frozen(parameters)
