"""On-NAS's on-device search (Kim et al., SenSys '23, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from harness.contracts import Batch, SearchContext
from harness.search.micro_batches import accumulate_gradients
from harness.search.supernet_method import SupernetMethod
from harness.space.backpropagation import Engine, Outcome, ordinary
from harness.space.mixing import Mixing
from harness.space.selection import Selection
from harness.space.step_by_step import step_by_step
from harness_onnas.expectation import GradientTrend
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
    """

    def __init__(self, parameters: OnNasParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or OnNasParameters()
        self.statistics_parts = self.parameters.micro_batches
        super().__init__(self.parameters)

    def build(self, context: SearchContext) -> None:
        """Build the supernet, from its initial state if it has one."""
        super().build(context)
        self.generator = context.generator
        self.engine: Engine = ordinary
        if self.parameters.step_by_step:
            self.engine = partial(step_by_step, phase_forward=self.parameters.phase_forward)
        self.trend = GradientTrend(self.net.architecture_parameters(), self.parameters.trend_steps)

    def begin_step(self) -> None:
        """Count a search step and select what it updates."""
        super().begin_step()
        self.selection = self._select()
        self.masks = selection_masks(self.selection, self.net.head.weight.device)
        self.trend.begin_step()

    def update_architecture(self, batch: Batch) -> Outcome:
        """Update the selected α and β once."""
        with _frozen(self.net.weight_parameters()):
            outcome = self._compute_gradients(batch, self._mixing)
        self.trend.record()
        self.architecture_optimizer.step(self.masks)
        self.architecture_optimizer.zero_grad()
        return outcome

    def update_weights(self, batch: Batch) -> Outcome:
        """Update the weights of the selected operations, and what is outside them, once."""
        outcome = self._compute_gradients(batch, torch.no_grad()(self._mixing))
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

    def _mixing(self) -> Mixing:
        return self.net.mixing(self.temperature, self.selection)

    def _compute_gradients(self, batch: Batch, mixing: Callable[[], Mixing]) -> Outcome:
        parts = self.parameters.micro_batches
        return accumulate_gradients(self.engine, self.net, batch, mixing, parts)


@contextmanager
def _frozen(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Compute no gradients of `parameters` inside."""
    frozen = list(parameters)
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
