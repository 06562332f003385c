"""Weights-only: the control that shows what the search itself contributes."""

from __future__ import annotations

from harness.contracts import Batch, SearchContext
from harness.search.parameters import EngineParameters, SearchParameters
from harness_baselines.first_order import FirstOrderMethod
from harness_baselines.parameters import WeightsOnlyParameters

__all__ = ["WeightsOnly"]


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
