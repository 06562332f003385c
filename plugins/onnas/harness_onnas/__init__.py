"""On-NAS: on-device neural architecture search on memory-constrained systems (SenSys '23)."""

from __future__ import annotations

from harness import hookimpl
from harness.hookspecs import Register

__all__ = ["harness_register_methods", "harness_register_suites"]


@hookimpl
def harness_register_methods(register: Register) -> None:
    """Register On-NAS."""
    register(
        "onnas",
        "harness_onnas.onnas:OnNas",
        parameters="harness_onnas.parameters:OnNasParameters",
        summary="On-NAS: a few expected operations at a time, cell by cell (SenSys '23)",
    )


@hookimpl
def harness_register_suites(register: Register) -> None:
    """Register the paper's tables."""
    register(
        "table2",
        "harness_onnas.tables:table2.toml",
        summary="table 2 of On-NAS: five methods, few-shot, Jetson Nano and RTX 3090",
    )
    register(
        "table3",
        "harness_onnas.tables:table3.toml",
        summary="table 3 of On-NAS: one to seven operations updated on each edge",
    )
