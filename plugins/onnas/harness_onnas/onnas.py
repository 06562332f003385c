"""On-NAS's two-fold meta-learning and on-device search (Kim et al., SenSys '23, sections 4, 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from harness.contracts import Batch, SearchBatch, SearchContext
from harness.errors import UsageError
from harness.search.parameters import Parts
from harness.search.states import (
    State,
    load_parameters,
    mean_of,
    meta_step,
    parameters_of,
    split_moments,
    with_prefix,
)
from harness.search.supernet_method import SupernetMethod
from harness.space.backpropagation import (
    BatchOutcome,
    Engine,
    accumulate_gradients,
    ordinary,
    split_batch,
)
from harness.space.mixing import Mixing, UpdateSelection
from harness.space.operations import frozen
from harness.space.step_by_step import step_by_step
from harness.space.supernet import Supernet
from harness_onnas.meta_cell import fold, fold_alike, meta_cell_of, tie_gradients, unfold
from harness_onnas.parameters import OnNasParameters
from harness_onnas.selecting import Trend, draw_selection, selection_masks

__all__ = ["OnNas"]


class OnNas(SupernetMethod):
    """Alternating first-order steps on a few operations and edge pairs, in little memory.

    For each batch, operations and edge pairs are selected by what α and β are expected to become,
    and only these are updated: their α, β and w. All operations run in the forward pass. Gradients
    pass through all operations on their way to the selected ones or, with `gradient=selected`, only
    through selected ones. Each update accumulates the gradients of micro-batches, which are
    computed cell by cell.

    Where the paper is silent: it selects once a step, and its steps are batches. It names no
    optimizer but gradient descent, and no temperature. A gradient through selected operations alone
    is a few percent of the whole one and nearly random in direction, and Adam would make steps of
    full size of it; so by default it passes through all, at a constant temperature (docs/onnas.md).

    More memory is saved where that changes no result: weights get no gradient while α and β are
    updated, nor α and β while weights are, and gradients are freed after each update.

    In pretraining memory need not be saved: a task is learned by full steps on everything at once,
    as in algorithm 1. Pretraining leaves one meta cell, with stem and head, which a search unfolds
    at its start. A search without pretraining starts from a supernet like any other method's.
    """

    def __init__(self, parameters: OnNasParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = given = parameters or OnNasParameters()
        # What it was or will be stored as; moments of pretraining itself are in `kept`.
        self.folded: State | None = None
        by_phases = partial(step_by_step, phase_forward=given.phase_forward)
        engine: Engine = by_phases if given.step_by_step else ordinary
        super().__init__(given, Parts(given.micro_batches, given.micro_batch_images), engine)

    def build(self, context: SearchContext) -> None:
        """Build the supernet, from the meta cell if there is one."""
        super().build(context)
        self.selection: UpdateSelection | None = None  # everything
        self.masks: list[Tensor] | None = None
        if context.pretraining:
            self.folded = self.folded or fold(self.meta, {}, rate=1.0)
            self.meta = unfold(self.folded, like=self.meta)
        else:
            self.kept = {}  # the optimizers have copies of these full-size tensors
        self.trend = Trend(self.net.architecture_parameters(), self.parameters.trend_steps)
        self.remaining = context.steps * context.batches  # updates to come

    def load(self, net: Supernet, state: State) -> None:
        """Unfold the meta cell into the cells of a new supernet.

        Raises:
            UsageError: the state is not a meta cell of this network.
        """
        folded = {**state, **with_prefix(self.kept)}
        try:
            parameters = parameters_of(net)
            load_parameters(net, unfold(state, like=parameters))
            if self.kept:
                self.kept = unfold(self.kept, like=parameters, missing=torch.zeros_like)
        except KeyError as error:
            raise UsageError(f"the initial state is not a meta cell: it lacks {error}") from None
        self.folded = folded

    def meta_update(self, adapted: Sequence[State]) -> None:
        """Do both folds of a meta-epoch: from tasks to cells, and from cells to the meta cell."""
        parameters = self.parameters
        tasks, moments = zip(*map(split_moments, adapted), strict=True)
        learned = meta_step(self.meta, tasks, self.meta_rate, parameters.task_coefficients)
        start = meta_cell_of(self.folded or {})
        self.folded = fold(learned, start, parameters.meta_cell_lr, parameters.cell_coefficients)
        self.meta = unfold(self.folded, like=learned)
        self.kept = mean_of(moments)

    def state_dict(self) -> State:
        """Return what a device stores: meta cell, α, β, stem and head, if it was pretrained."""
        if self.folded is None:
            return super().state_dict()
        return {**self.folded, **with_prefix(fold_alike(self.kept) if self.kept else {})}

    def update(self, batch: SearchBatch) -> BatchOutcome:
        """Select what learns from a batch (in pretraining everything), and update it."""
        if not self.pretraining:
            self.selection = self._select()
            self.masks = selection_masks(self.selection, self.net.head.weight.device)
            self.remaining -= 1
        return super().update(batch)

    def update_architecture(self, batch: Batch) -> BatchOutcome:
        """Update the selected α and β once."""
        with frozen(self.net.weight_parameters()):
            outcome = self._compute_gradients(batch, partial(self._mixing, len(batch.labels)))
        before = [parameter.detach().clone() for parameter in self.trend.parameters]
        gradients = [parameter.grad for parameter in self.trend.parameters]
        self.architecture_optimizer.step(self.masks)
        self.architecture_optimizer.zero_grad()
        self.trend.add(self._movements(before, gradients))
        return outcome

    def update_weights(self, batch: Batch) -> BatchOutcome:
        """Update the weights of selected operations, and those outside of operations, once."""
        mixing = torch.no_grad()(partial(self._mixing, len(batch.labels)))
        outcome = self._compute_gradients(batch, mixing)
        if self.pretraining and self.parameters.tied_cells:
            tie_gradients(self.net)
        self.weight_optimizer.step()  # weights that are not selected have no gradient
        self.weight_optimizer.zero_grad()
        return outcome

    def _select(self) -> UpdateSelection:
        """Select by the trend of earlier updates."""
        parameters = self.parameters
        return draw_selection(
            self.trend.expected(max(self.remaining, 1)),
            operations=parameters.q,
            pairs=None if parameters.g == "all" else parameters.g,
            explore=parameters.explore,
            through=parameters.gradient == "through",
            generator=self.generator,
        )

    def _movements(
        self, before: Sequence[Tensor], gradients: Sequence[Tensor | None]
    ) -> list[Tensor]:
        """Return how an update has moved α and β, or would have by gradient descent (Eq. 7)."""
        parameters = self.trend.parameters
        if self.parameters.expectation == "movements":
            return [p.detach() - old for p, old in zip(parameters, before, strict=True)]
        pairs = zip(parameters, gradients, strict=True)
        return [torch.zeros_like(p) if g is None else -self.architecture_lr * g for p, g in pairs]

    def _mixing(self, images: int) -> Mixing:
        # Offline a batch is one part, so that the draw is for all of its images.
        return self.net.mixing(self.temperature, self.selection, self.draw_drop_path(images))

    def _compute_gradients(self, batch: Batch, mixing: Callable[[], Mixing]) -> BatchOutcome:
        parts = split_batch(batch, *self.parts)
        return accumulate_gradients(self.engine, self.net, parts, mixing)
