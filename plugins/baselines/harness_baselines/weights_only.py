"""Controls whose architecture stays as it is, to show what the search itself contributes."""

from __future__ import annotations

import torch

from harness.contracts import Batch, SearchContext
from harness.search.parameters import EngineParameters, SearchParameters
from harness_baselines.darts import FirstOrderMethod
from harness_baselines.parameters import RandomAlphaParameters, WeightsOnlyParameters

__all__ = ["RandomAlpha", "WeightsOnly"]


class WeightsOnly(FirstOrderMethod):
    """Keeps the initial architecture: α and β stay as they are, at temperature 1; w adapts.

    It trains w exactly as the other methods do, as often and on the same batches, in the same
    space as On-NAS and MetaNAS.
    """

    def __init__(self, parameters: WeightsOnlyParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        given = parameters or WeightsOnlyParameters()
        engine = set(EngineParameters.model_fields)
        super().__init__(SearchParameters(**given.model_dump(exclude=engine)), given)

    def build(self, context: SearchContext) -> None:
        """Build the supernet; no gradient of α and β is ever computed."""
        super().build(context)
        for parameter in self.net.architecture_parameters():
            parameter.requires_grad_(False)

    def update_architecture(self, batch: Batch) -> None:
        """Do nothing: the architecture is kept."""


class RandomAlpha(WeightsOnly):
    """Draws α and β at random on pretrained weights, and keeps them; w adapts as in any method.

    `random` starts without pretraining, so that in few-shot search it shows what pretraining is
    worth. This control has pretraining and no search: its own pretraining is that of weights-only.
    """

    def __init__(self, parameters: RandomAlphaParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        given = parameters or RandomAlphaParameters()
        self.spread = given.spread
        super().__init__(WeightsOnlyParameters(**given.model_dump(exclude={"spread"})))

    def build(self, context: SearchContext) -> None:
        """Build the supernet, and for a search draw its architecture from the task's generator."""
        super().build(context)
        if context.pretraining:
            return
        for parameter in self.net.architecture_parameters():
            drawn = torch.randn(parameter.shape, generator=context.generator)
            parameter.copy_(self.spread * drawn)
