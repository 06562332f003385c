"""PC-DARTS: partial channel connections (Xu et al., ICLR 2020)."""

from __future__ import annotations

from harness.contracts import SearchContext
from harness.space.spec import METANAS
from harness_baselines.first_order import FirstOrderMethod
from harness_baselines.parameters import PcDartsParameters
from harness_baselines.partial_channels import PartialSupernet

__all__ = ["PcDarts"]


class PcDarts(FirstOrderMethod):
    """DARTS, first order, with partial channel connections and edge normalization.

    The operations of each edge see 1/K of its channels. Departures from its paper, so that all
    methods here train alike: α learns from the first step on (the paper lets only w learn at
    first), and the batches grow no larger for the memory that is saved.
    """

    def __init__(self, parameters: PcDartsParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or PcDartsParameters()
        super().__init__(self.parameters, self.parameters)

    def create_network(self, context: SearchContext) -> PartialSupernet:
        """Return the partially connected supernet.

        Raises:
            UsageError: K does not divide the width of a cell.
        """
        image_channels, classes = context.image_shape[0], context.classes
        space = context.space or METANAS
        return PartialSupernet(
            image_channels, classes, context.channels, self.parameters.k, space=space
        )
