"""The parameters of the baselines; imports no torch."""

from __future__ import annotations

from harness.search.parameters import SearchParameters

__all__ = ["DartsParameters"]


class DartsParameters(SearchParameters):
    """DARTS has the common parameters only; its paper lets no temperature fall."""
