"""On-NAS: on-device neural architecture search on memory-constrained systems (SenSys '23)."""

from __future__ import annotations

from harness import hookimpl
from harness.hookspecs import Register

__all__ = ["harness_register_methods"]


@hookimpl
def harness_register_methods(register: Register) -> None:
    """Register On-NAS."""
    register(
        "onnas",
        "harness_onnas.onnas:OnNas",
        parameters="harness_onnas.parameters:OnNasParameters",
        summary="On-NAS: a few expected operations at a time, cell by cell (SenSys '23)",
    )
