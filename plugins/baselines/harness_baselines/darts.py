"""DARTS (Liu, Simonyan and Yang, ICLR 2019), and MetaNAS's task learner, which is DARTS with β."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from harness.contracts import Batch, SearchBatch
from harness.search.parameters import EngineName, EngineParameters, Parts, SearchParameters
from harness.search.supernet_method import SupernetMethod
from harness.space.backpropagation import (
    BatchOutcome,
    Engine,
    accumulate_gradients,
    ordinary,
    split_batch,
    streamed,
)
from harness.space.batch_norm import frozen_statistics
from harness.space.merged import merged
from harness.space.mixing import DropPath, Mixing
from harness.space.operations import frozen
from harness.space.step_by_step import step_by_step
from harness_baselines.parameters import DartsParameters, MetaNasParameters

__all__ = [
    "Darts",
    "FirstOrderMethod",
    "MetaNas",
    "unrolled_gradient",
]

_ENGINES: dict[EngineName, Engine] = {
    "ordinary": ordinary,
    "streamed": streamed,
    "step_by_step": step_by_step,
    "merged": merged,
}


def engine_named(name: EngineName) -> Engine:
    """Return the engine; all of them give the same gradients."""
    return _ENGINES[name]


class FirstOrderMethod(SupernetMethod):
    """Alternating first-order steps on the whole supernet (DARTS, section 2.3, ξ = 0).

    With the ordinary engine, every backward pass computes the gradients of both the architecture
    and w, although one optimizer then uses only its own: so do the implementations that published
    memory and times are of. The other engines compute only the gradients that are used.
    """

    def __init__(self, parameters: SearchParameters, engine: EngineParameters) -> None:
        """Take the parameters, and how a search computes its gradients."""
        parts = Parts(engine.micro_batches, engine.micro_batch_images)
        super().__init__(parameters, parts, engine_named(engine.engine))

    def update_architecture(self, batch: Batch) -> object:
        """Update α, and β where there is one, once."""
        with self._frozen(self.net.weight_parameters()):
            outcome = self.compute_gradients(batch, self.draw_drop_path(len(batch.labels)))
        self.architecture_optimizer.step()
        return outcome

    def update_weights(self, batch: Batch) -> BatchOutcome:
        """Update w once; return what the batch showed before."""
        with self._frozen(self.net.architecture_parameters()):
            outcome = self.compute_gradients(batch, self.draw_drop_path(len(batch.labels)))
        self.weight_optimizer.step()
        return outcome

    def compute_gradients(self, batch: Batch, drop_path: DropPath | None) -> BatchOutcome:
        """Replace all gradients by those of the batch's loss."""
        self.net.zero_grad()
        parts = split_batch(batch, *self.parts)

        def mixing() -> Mixing:
            return self.net.mixing(self.temperature, drop_path=drop_path)

        return accumulate_gradients(self.engine, self.net, parts, mixing)

    def _frozen(self, parameters: Sequence[nn.Parameter]) -> AbstractContextManager[None]:
        return nullcontext() if self.engine is ordinary else frozen(parameters)


REACH = 0.01  # how far the weights are moved for the difference; DARTS finds it accurate enough
TINY = 1e-12  # keeps a gradient of zero from being divided by its norm

Parameters = Sequence[nn.Parameter]


@torch.no_grad()
def unrolled_gradient(
    weights: Parameters,
    architecture: Parameters,
    *,
    train: Callable[[], object],
    validate: Callable[[], object],
    lr: float,
) -> None:
    """Put the gradient of L_val(w − ξ ∇_w L_train(w, α), α) with respect to α in α's `.grad`.

    By the chain rule (DARTS, equation 7) it is, with w' = w − ξ ∇_w L_train(w, α),

        ∇_α L_val(w', α) − ξ ∇²_(α,w) L_train(w, α) ∇_w' L_val(w', α)

    whose product of a matrix and a vector v is a finite difference (equation 8) at w± = w ± ε v,
    ε = 0.01 / ‖v‖: (∇_α L_train(w+, α) − ∇_α L_train(w−, α)) / 2ε.

    Args:
        weights: w, unchanged to the bit afterwards; their `.grad` is meaningless then.
        architecture: α.
        train: sets `.grad` of both to the gradients of L_train at the present w.
        validate: sets `.grad` of both to the gradients of L_val at the present w.
        lr: ξ, the learning rate of the step of training.
    """
    start = [weight.clone() for weight in weights]
    _, step = _gradients(train, architecture, weights)
    _place(weights, start, step, -lr)
    direct, direction = _gradients(validate, architecture, weights)
    norm = torch.stack([part.square().sum() for part in direction]).sum().sqrt()
    reach = REACH / (norm + TINY)
    _place(weights, start, direction, reach)
    ahead, _ = _gradients(train, architecture, weights)
    _place(weights, start, direction, -reach)
    behind, _ = _gradients(train, architecture, weights)
    for weight, origin in zip(weights, start, strict=True):
        weight.copy_(origin)  # not origin + 0 v: that would turn -0 into 0, and be NaN where v is
    for alpha, first, plus, minus in zip(architecture, direct, ahead, behind, strict=True):
        alpha.grad = first - lr * (plus - minus) / (2 * reach)


def _gradients(
    compute: Callable[[], object], *groups: Sequence[nn.Parameter]
) -> tuple[list[Tensor], ...]:
    with torch.enable_grad():
        compute()
    return tuple(
        [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in group]
        for group in groups
    )


def _place(
    weights: Parameters,
    start: Sequence[Tensor],
    direction: Sequence[Tensor],
    factor: Tensor | float,
) -> None:
    """Set the weights to `start` + `factor` x `direction`."""
    for weight, origin, vector in zip(weights, start, direction, strict=True):
        weight.copy_(origin + factor * vector)


class Darts(FirstOrderMethod):
    """Alternating steps of first or second order on the whole supernet.

    Nodes sum their edges plainly. Departures from the DARTS paper, so that all methods here train
    alike: Adam with β1 = 0 for w too, and no gradient clipping. The temperature of the softmax
    stays at 1 as in the DARTS paper, unless `final_temperature` is lowered as in MetaNAS.

    With `order=second`, the gradient of α is taken one step of w ahead, on the same pair of
    batches. That step is plain gradient descent at the present learning rate of w, as in the
    paper's equation 6. Since w itself is trained by Adam, it only approximates the next w.
    """

    edge_pairs = False

    def __init__(self, parameters: DartsParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or DartsParameters()
        super().__init__(self.parameters, self.parameters)

    def update(self, batch: SearchBatch) -> BatchOutcome:
        """Update α on one part of the batch, then w on the other."""
        if self.parameters.order == "second":
            self._update_architecture_ahead(batch)
            return self.update_weights(batch.weights)
        return super().update(batch)

    def _update_architecture_ahead(self, batch: SearchBatch) -> None:
        # Most of these passes are at weights that w never has, whose statistics must not count.
        with frozen_statistics(self.net):
            unrolled_gradient(
                self.net.weight_parameters(),
                self.net.architecture_parameters(),
                train=self._gradients_of(batch.weights),
                validate=self._gradients_of(batch.architecture),
                lr=self.weight_optimizer.lr,
            )
        self.architecture_optimizer.step()

    def _gradients_of(self, part: Batch) -> Callable[[], BatchOutcome]:
        # One draw of drop path for all passes: a difference of two draws would be noise.
        return partial(self.compute_gradients, part, self.draw_drop_path(len(part.labels)))


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
