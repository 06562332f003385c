"""The methods that On-NAS is compared with."""

from __future__ import annotations

from harness import hookimpl
from harness.hookspecs import Register

__all__ = ["harness_register_methods"]


@hookimpl
def harness_register_methods(register: Register) -> None:
    """Register the baselines."""
    register(
        "darts",
        "harness_baselines.darts:Darts",
        parameters="harness_baselines.parameters:DartsParameters",
        summary="DARTS, first order: every operation trained at once (Liu et al., 2019)",
    )
