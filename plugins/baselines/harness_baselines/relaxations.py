"""Variants of DARTS that weigh operations differently: GDAS, Fair DARTS, DrNAS and DARTS-."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from harness.contracts import Batch, SearchContext
from harness.errors import UsageError
from harness.search.optimizers import temperature_at
from harness.search.parameters import Parts
from harness.space.backpropagation import BatchOutcome
from harness.space.genotype import Genotype, derive_genotype
from harness.space.mixing import DropPath, Mixing, NodeMixing, UpdateSelection
from harness.space.spec import METANAS
from harness.space.supernet import Supernet, by_kind
from harness_baselines.darts import FirstOrderMethod
from harness_baselines.parameters import (
    DartsMinusParameters,
    DrNasParameters,
    FairDartsParameters,
    GdasParameters,
)
from harness_baselines.paths import PathMethod, gumbel_gates, gumbel_noise, path_mixing

__all__ = ["DartsMinus", "DrNas", "FairDarts", "Gdas", "anchor_distance", "zero_one_loss"]

SKIP = "skip_connect"


class Gdas(PathMethod):
    """GDAS (Dong and Yang, CVPR 2019): one operation an edge is drawn, and it alone runs.

    Steps of α and of w alternate, and each draws one operation an edge. Only that one runs, so
    memory is that of one operation an edge. The gradient of its gate reaches all α of the edge
    through the softmax. Cells of a kind share a draw, and nodes sum their edges plainly. τ falls
    linearly from 10 to 0.1, as in the paper. Departures from it, so that all methods here train
    alike: the optimizer, and reduction cells are searched too.

    Predictions run the most likely operation on each edge, whose running statistics are those of
    the last search step, as `proxylessnas` does.
    """

    def __init__(self, parameters: GdasParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = given = parameters or GdasParameters()
        super().__init__(given, Parts(given.micro_batches, given.micro_batch_images))

    @property
    def temperature(self) -> float:
        """τ in the present search step."""
        first, last = self.parameters.first_temperature, self.parameters.last_temperature
        return first * temperature_at(max(self.step, 0), self.steps, last / first)

    def update_architecture(self, batch: Batch) -> object:
        """Draw operations, and update α by the gradients of their gates."""
        outcome = self._compute_gradients(batch)
        self.architecture_optimizer.step()
        return outcome

    def update_weights(self, batch: Batch) -> BatchOutcome:
        """Draw operations, and update their weights; return what the batch showed before."""
        outcome = self._compute_gradients(batch)
        self.weight_optimizer.step()  # weights of what was not drawn have no gradient
        return outcome

    def _compute_gradients(self, batch: Batch) -> BatchOutcome:
        """Leave the gradients of a batch's loss, of one draw for all of its parts."""
        self.net.zero_grad()
        noises = [gumbel_noise(alpha, self.generator).to(alpha.device) for alpha in self.alphas]
        return self.add_gradients(batch, lambda: self._drawn(noises))

    def _drawn(self, noises: Sequence[Tensor]) -> Mixing:
        pairs = zip(self.alphas, noises, strict=True)
        drawn = [gumbel_gates(alpha, noise, self.temperature) for alpha, noise in pairs]
        gates, paths = zip(*drawn, strict=True)
        return path_mixing(gates, paths, cells=self.net.space.cells)


class WeighedSupernet(Supernet):
    """A supernet whose operations are weighed by another function of α than the softmax."""

    def weigh(self, alpha: Tensor) -> Tensor:
        """Return the weights of operations, (edges, operations), from α divided by temperature."""
        raise NotImplementedError

    def mixing(
        self,
        temperature: float = 1.0,
        selection: UpdateSelection | None = None,  # noqa: ARG002 - all of it is trained
        drop_path: DropPath | None = None,
    ) -> Mixing:
        """Compute the weights of every operation."""
        kinds = {
            kind: tuple(NodeMixing(self.weigh(alpha / temperature)) for alpha in nodes)
            for kind, nodes in by_kind(self.alpha).items()
        }
        return Mixing(tuple(kinds[kind] for kind in self.space.cells)).dropped(drop_path)

    def genotype(self) -> Genotype:
        """Keep the two edges of each node with the largest weight, each with that operation."""
        weights = {
            kind: [self.weigh(alpha).tolist() for alpha in nodes]
            for kind, nodes in by_kind(self.alpha).items()
        }
        return derive_genotype(weights, space=self.space)


class WeighedMethod(FirstOrderMethod):
    """Alternating first-order steps, in which the loss of α has an additional term."""

    edge_pairs = False

    def term(self) -> Tensor:
        """Return the term that is added to the loss of α, ()."""
        raise NotImplementedError

    def update_architecture(self, batch: Batch) -> object:
        """Update α by the loss and the term."""
        with self._frozen(self.net.weight_parameters()):
            outcome = self.compute_gradients(batch, self.draw_drop_path(len(batch.labels)))
        torch.autograd.backward(self.term())
        self.architecture_optimizer.step()
        return outcome


def zero_one_loss(alphas: Iterable[Tensor]) -> Tensor:
    """Return -1/N Σ (σ(α) - 0.5)² over all N elements, (), as Fair DARTS has it.

    It is least where each weight is 0 or 1.
    """
    weights = torch.cat([torch.sigmoid(alpha).flatten() for alpha in alphas])
    return -(weights - 0.5).square().mean()


class FairSupernet(WeighedSupernet):
    """A supernet whose operations do not compete: each is weighed by the sigmoid of its own α."""

    def weigh(self, alpha: Tensor) -> Tensor:
        """Return σ(α)."""
        return torch.sigmoid(alpha)


class FairDarts(WeighedMethod):
    """Fair DARTS (Chu et al., ECCV 2020): sigmoids in place of the softmax, and a zero-one loss.

    With a softmax, an operation gains what the others lose, and skip connections win unfairly. Here
    each operation has a weight of its own, which the zero-one loss pushes to 0 or 1 while α is
    updated. Departure: the paper keeps operations above a threshold, at most two a node. Every
    architecture of the shared space has two, so here the two edges with the largest weights are
    kept.
    """

    supernet = FairSupernet

    def __init__(self, parameters: FairDartsParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or FairDartsParameters()
        super().__init__(self.parameters, self.parameters)

    def term(self) -> Tensor:
        """Return the zero-one loss, weighed."""
        return self.parameters.zero_one_weight * zero_one_loss(self.net.alpha.parameters())


def concentration(alpha: Tensor) -> Tensor:
    """Return β = ELU(α) + 1, which is positive, and 1 where α is 0: all mixtures equally likely."""
    return functional.elu(alpha) + 1.0


def anchor_distance(alphas: Iterable[Tensor]) -> Tensor:
    """Return Σ (β - 1)² over all elements, (): how far β is from its anchor."""
    return (torch.cat([concentration(each).flatten() for each in alphas]) - 1.0).square().sum()


def gamma_draws(beta: Tensor) -> Tensor:
    """Draw from Gamma(β, 1), with pathwise gradients (Figurnov et al., 2018).

    Draws and their slopes are computed on the CPU, so that every device draws the same; on its way
    to β a gradient is multiplied by the slope.
    """
    with torch.enable_grad():
        at = beta.detach().cpu().clamp(min=torch.finfo(beta.dtype).tiny).requires_grad_()
        drawn = torch.distributions.Gamma(at, 1.0, validate_args=False).rsample()
        (slope,) = torch.autograd.grad(drawn.sum(), at)
    there = beta - beta.detach()  # exactly zero
    return drawn.detach().to(beta.device) + slope.to(beta.device) * there


class DirichletSupernet(WeighedSupernet):
    """A supernet whose operations are weighed by a draw from Dir(β), or by its mean."""

    draws = True  # whether a pass draws

    def weigh(self, alpha: Tensor) -> Tensor:
        """Return θ = g / Σ g with g of Gamma(β, 1), which is of Dir(β); or β / Σ β."""
        beta = concentration(alpha)
        parts = gamma_draws(beta) if self.draws else beta
        return parts / parts.sum(dim=-1, keepdim=True)

    @contextmanager
    def _undrawn(self) -> Iterator[None]:
        """Weigh by the mean within the context."""
        self.draws = False
        try:
            yield
        finally:
            self.draws = True

    def mean(self) -> Mixing:
        """Return the mean weights."""
        with self._undrawn():
            return self.mixing()

    def genotype(self) -> Genotype:
        """Return the genotype of the largest mean weights."""
        with self._undrawn():
            return super().genotype()


class DrNas(WeighedMethod):
    """DrNAS (Chen et al., ICLR 2021): the weights of operations are drawn from a Dirichlet.

    Each pass draws the weights of every edge from Dir(β), β = ELU(α) + 1, whose pathwise gradients
    α learns from; its distance from β = 1 is penalized. Predictions have the mean of the Dirichlet.
    Departures: the distance is squared, so that it has a gradient at its anchor; the progressive
    schedule of the paper, with partial channels, is left out; each part of a batch has a draw.
    """

    supernet = DirichletSupernet

    def __init__(self, parameters: DrNasParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or DrNasParameters()
        super().__init__(self.parameters, self.parameters)

    def term(self) -> Tensor:
        """Return the distance from the anchor, weighed."""
        return self.parameters.anchor_weight * anchor_distance(self.net.alpha.parameters())

    def prediction_mixing(self) -> Mixing:
        """Return the mean weights."""
        return cast(DirichletSupernet, self.net).mean()


class AidedSupernet(Supernet):
    """A supernet with an auxiliary skip connection on each edge, of weight `aid`."""

    aid = 0.0

    def mixing(
        self,
        temperature: float = 1.0,
        selection: UpdateSelection | None = None,
        drop_path: DropPath | None = None,
    ) -> Mixing:
        """Compute softmax(α / τ) of every operation, and add the aid to the skip connection's."""
        plain = super().mixing(temperature, selection)
        skips = torch.tensor([name == SKIP for name in self.space.operations])
        aids = skips.to(self.head.weight) * self.aid  # (operations,)
        return plain.with_weights([each + aids for each in plain.weights()]).dropped(drop_path)


class DartsMinus(FirstOrderMethod):
    """DARTS- (Chu et al., ICLR 2021): an auxiliary skip connection that fades during the search.

    An edge computes β x + Σ_k softmax(α)_k o_k(x). The auxiliary connection helps training in place
    of the edge's own skip connection, so that α says only what that is worth as an operation. β
    falls linearly from 1 at the first search step to 0 at the last. Departure: on an edge of stride
    2, the auxiliary connection shares the weights of the edge's own skip connection.
    """

    edge_pairs = False
    supernet = AidedSupernet

    def __init__(self, parameters: DartsMinusParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or DartsMinusParameters()
        super().__init__(self.parameters, self.parameters)

    def create_network(self, context: SearchContext) -> Supernet:
        """Return a supernet with auxiliary skip connections.

        Raises:
            UsageError: the space has no skip connections.
        """
        space = context.space or METANAS
        if SKIP not in space.operations:
            raise UsageError(f"darts-minus needs {SKIP}, which the space '{space.name}' lacks")
        return super().create_network(context)

    def begin_step(self) -> None:
        """Count a search step, and set the weight of the auxiliary connection."""
        super().begin_step()
        cast(AidedSupernet, self.net).aid = temperature_at(self.step, self.steps, 0.0)
