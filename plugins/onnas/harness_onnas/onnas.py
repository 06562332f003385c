"""On-NAS's two-fold meta-learning and on-device search (Kim et al., SenSys '23, sections 4, 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from harness.contracts import Batch, SearchContext
from harness.errors import UsageError
from harness.search.holding import held_still
from harness.search.micro_batches import accumulate_gradients, split_batch
from harness.search.reptile import meta_step
from harness.search.supernet_method import SupernetMethod, load_parameters, parameters_of
from harness.space.backpropagation import Engine, Outcome, ordinary
from harness.space.mixing import Mixing
from harness.space.selection import Selection
from harness.space.step_by_step import step_by_step
from harness.space.supernet import Supernet
from harness.space.topology import OPERATIONS
from harness_onnas.expectation import GradientTrend
from harness_onnas.meta_cell import fold, meta_cell_of, unfold
from harness_onnas.parameters import OnNasParameters
from harness_onnas.selecting import draw_selection, selection_masks

__all__ = ["OnNas"]


class OnNas(SupernetMethod):
    """Alternating first-order steps on a few operations and edge pairs, in little memory.

    A search step selects operations and edge pairs by what α and β are expected to become, and
    updates only these, for all of its batches and for α, β and w alike. All operations run forward;
    those that are not selected keep no activations and are no path for gradients. Each update
    accumulates the gradients of micro-batches, each computed cell by cell.

    Where it is exact, memory is saved further: the weights need no gradient while α and β are
    updated, nor α and β while the weights are, and gradients are freed after each update.

    Offline there is no need to save memory: a task is learned by the full step on everything at
    once, as in algorithm 1. What it leaves is one meta cell, with stem and head; a search starts by
    unfolding it. A search that was not pretrained starts from a supernet like any other's.
    """

    def __init__(self, parameters: OnNasParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or OnNasParameters()
        self.statistics_parts = self.parameters.micro_batches
        self.folded: Mapping[str, Tensor] | None = None  # what it was or will be stored as
        super().__init__(self.parameters)

    def build(self, context: SearchContext) -> None:
        """Build the supernet, from the meta cell if there is one."""
        if context.pretraining:
            self.parameters = _full_step(self.parameters)
        super().build(context)
        if context.pretraining:
            self.folded = self.folded or fold(self.meta, {}, rate=1.0, weighed=False)
            self.meta = unfold(self.folded, like=self.meta)
        self.engine: Engine = ordinary
        if self.parameters.step_by_step:
            self.engine = partial(step_by_step, phase_forward=self.parameters.phase_forward)
        self.trend = GradientTrend(self.net.architecture_parameters(), self.parameters.trend_steps)

    def load(self, net: Supernet, state: Mapping[str, Tensor]) -> None:
        """Unfold the meta cell into the cells of a new supernet.

        Raises:
            UsageError: the state is no meta cell of this network.
        """
        try:
            load_parameters(net, unfold(state, like=parameters_of(net)))
        except KeyError as error:
            raise UsageError(f"the initial state is no meta cell, it lacks {error}") from None
        self.folded = state

    def meta_update(self, adapted: Sequence[Mapping[str, Tensor]]) -> None:
        """Do both folds of a meta-epoch: from tasks to cells, and from cells to the meta cell."""
        parameters = self.parameters
        learned = meta_step(
            self.meta, adapted, self.meta_rate, weighed=parameters.task_coefficients
        )
        self.folded = fold(
            learned,
            meta_cell_of(self.state_dict()),
            parameters.meta_cell_lr,
            weighed=parameters.cell_coefficients,
        )
        self.meta = unfold(self.folded, like=learned)

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return what a device stores: meta cell, α, β, stem and head, if it was pretrained."""
        return parameters_of(self.net) if self.folded is None else self.folded

    def begin_step(self) -> None:
        """Count a search step and select what it updates."""
        super().begin_step()
        self.selection = self._select()
        self.masks = selection_masks(self.selection, self.net.head.weight.device)
        self.trend.begin_step()

    def update_architecture(self, batch: Batch) -> Outcome:
        """Update the selected α and β once."""
        with held_still(self.net.weight_parameters()):
            outcome = self._compute_gradients(batch, partial(self._mixing, len(batch.labels)))
        self.trend.record()
        self.architecture_optimizer.step(self.masks)
        self.architecture_optimizer.zero_grad()
        return outcome

    def update_weights(self, batch: Batch) -> Outcome:
        """Update the weights of the selected operations, and what is outside them, once."""
        mixing = torch.no_grad()(partial(self._mixing, len(batch.labels)))
        outcome = self._compute_gradients(batch, mixing)
        self.weight_optimizer.step()  # weights that are not selected have no gradient
        self.weight_optimizer.zero_grad()
        return outcome

    def _select(self) -> Selection:
        """Select on the trend of the steps before this one."""
        g = self.parameters.g
        return draw_selection(
            self.trend.expected(self.settings.architecture_lr, self.steps - self.step),
            operations=self.parameters.q,
            pairs=None if g == "all" else g,
            explore=self.parameters.explore,
            generator=self.generator,
        )

    def _mixing(self, images: int) -> Mixing:
        # Offline a batch is one part, so that the draw is for all of its images.
        return self.net.mixing(self.temperature, self.selection, self.draw_drop_path(images))

    def _compute_gradients(self, batch: Batch, mixing: Callable[[], Mixing]) -> Outcome:
        parameters = self.parameters
        parts = split_batch(batch, parameters.micro_batches, parameters.micro_batch_images)
        return accumulate_gradients(self.engine, self.net, parts, mixing)


def _full_step(parameters: OnNasParameters) -> OnNasParameters:
    return parameters.model_copy(
        update={
            "q": len(OPERATIONS),
            "g": "all",
            "explore": 0.0,
            "step_by_step": False,
            "micro_batches": 1,
        }
    )
