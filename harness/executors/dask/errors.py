"""What can go wrong between machines."""

from __future__ import annotations

from harness.errors import HarnessError, UsageError

__all__ = ["FleetError", "MissingExtraError", "RefusedError"]


class FleetError(HarnessError):
    """Trials cannot be run on the workers; those that are finished have their records."""


class MissingExtraError(UsageError):
    """Dask distributed is not installed."""

    def __init__(self, what: str) -> None:
        """Say what needs it, and how it is installed."""
        super().__init__(
            f"{what} needs Dask distributed, which is not installed; "
            "install the extra 'dask': pip install 'onnas-harness[dask]'"
        )


class RefusedError(HarnessError):
    """A worker will not run a trial, since its result would not be that of the planned trial."""
