"""What DARTS and its descendants share: first-order steps on whole batches."""

from __future__ import annotations

from harness.contracts import Batch
from harness.search.supernet_method import SupernetMethod
from harness.space.backpropagation import Outcome, ordinary
from harness.space.drop_path import DropPath

__all__ = ["FirstOrderMethod"]


class FirstOrderMethod(SupernetMethod):
    """Alternating first-order steps on the whole supernet (DARTS, section 2.3, ξ = 0).

    As in the ordinary implementation, every backward pass computes the gradients of both the
    architecture and w, of which one optimizer then uses its own.
    """

    def update_architecture(self, batch: Batch) -> object:
        """Update α, and β where there is one, once."""
        outcome = self.compute_gradients(batch, self.draw_drop_path(len(batch.labels)))
        self.architecture_optimizer.step()
        return outcome

    def update_weights(self, batch: Batch) -> Outcome:
        """Update w once; return what the batch showed before."""
        outcome = self.compute_gradients(batch, self.draw_drop_path(len(batch.labels)))
        self.weight_optimizer.step()
        return outcome

    def compute_gradients(self, batch: Batch, drop_path: DropPath | None) -> Outcome:
        """Put the gradients of the batch's loss in the place of those that were there."""
        self.net.zero_grad()
        return ordinary(self.net, batch, self.net.mixing(self.temperature, drop_path=drop_path))
