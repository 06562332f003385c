"""The part of a search method that comes with the shared supernet."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from harness.contracts import SearchContext
from harness.errors import UsageError
from harness.search.optimizers import ArchitectureAdam, weight_optimizer
from harness.search.parameters import SearchParameters
from harness.search.schedule import temperature_at
from harness.space.genotype import Genotype
from harness.space.supernet import Supernet

__all__ = ["SupernetMethod"]


class SupernetMethod:
    """Builds the supernet, keeps its optimizers and its temperature, predicts and derives.

    A method adds `search_step`, which calls `begin_step` first. Predictions are the supernet's: the
    mixture of all operations at the temperature of the last step that was begun.

    Attributes:
        net: the supernet.
        weight_optimizer: of w.
        architecture_optimizer: of α and β.
        step: number of the present search step, from 0; -1 before the first.
        steps: how many search steps there will be.
    """

    edge_pairs = True  # whether the method's space has β

    def __init__(self, parameters: SearchParameters) -> None:
        """Take the parameters; nothing is built yet."""
        self.settings = parameters

    def build(self, context: SearchContext) -> None:
        """Build the supernet on the context's device, from its initial state if it has one.

        Raises:
            UsageError: the initial state is not one of this network.
        """
        channels = context.image_shape[0]
        net = Supernet(channels, context.classes, context.channels, edge_pairs=self.edge_pairs)
        if context.initial_state is not None:
            _load(net, context.initial_state)
        self.net = net.to(context.device)
        self.weight_optimizer = weight_optimizer(net.weight_parameters(), self.settings.weight_lr)
        self.architecture_optimizer = ArchitectureAdam(
            net.architecture_parameters(),
            self.settings.architecture_lr,
            self.settings.architecture_decay,
        )
        self.step, self.steps = -1, context.steps

    @property
    def temperature(self) -> float:
        """Temperature of the softmax over α and β in the present search step."""
        return temperature_at(max(self.step, 0), self.steps, self.settings.final_temperature)

    def begin_step(self) -> None:
        """Count a search step and put the supernet in training mode."""
        self.step += 1
        self.net.train()

    def architecture(self) -> Genotype:
        """Return the discrete architecture of the present α and β."""
        return self.net.genotype()

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, H, W), each judged on its own.

        Batch norm uses its running statistics, never those of the images: a prediction must not
        depend on the other images that happen to be asked for with it.
        """
        was_training = self.net.training
        self.net.eval()
        try:
            logits: Tensor = self.net(images, self.net.mixing(self.temperature))
        finally:
            self.net.train(was_training)
        return logits

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return α, β, w and batch norm's running statistics."""
        state: Mapping[str, Tensor] = self.net.state_dict()
        return state


def _load(net: Supernet, state: Mapping[str, Tensor]) -> None:
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        problem = " ".join(str(error).split())
        raise UsageError(f"the initial state does not fit the search space: {problem}") from error
