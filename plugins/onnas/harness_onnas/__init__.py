"""On-NAS: on-device neural architecture search on memory-constrained systems (SenSys '23)."""

from __future__ import annotations

from harness import hookimpl
from harness.hookspecs import Register
from harness_onnas.claims import CLAIMS

__all__ = ["harness_register_claims", "harness_register_methods", "harness_register_suites"]

SUITES = {
    "table2": "table 2 of On-NAS: five methods, few-shot, Jetson Nano and RTX 3090",
    "table3": "table 3 of On-NAS: one to seven operations updated on each edge",
    "table4": "table 4 of On-NAS: full tasks from scratch, CIFAR-10 and CIFAR-100",
    "figure7": "figure 7 of On-NAS: meta-learning without and with its coefficients",
    "figure8": "figure 8 of On-NAS: the cells that a meta cell unfolds into",
    "figure9": "figure 9 of On-NAS: memory as its mechanisms are switched on, few-shot",
    "figure10": "figure 10 of On-NAS: accuracy over the operations updated on each edge",
    "figure11": "figure 11 of On-NAS: cells before and after on-device search",
    "figure12": "figure 12 of On-NAS: memory as its mechanisms are switched on, full task",
    "storage": "section 6.1 of On-NAS: what a device stores, four cells or one meta cell",
}


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
    """Register the paper's tables and figures."""
    for name, summary in SUITES.items():
        register(name, f"harness_onnas.tables:{name}.toml", summary=summary)


@hookimpl
def harness_register_claims(register: Register) -> None:
    """Register what the paper claims."""
    for name, summary in CLAIMS.items():
        register(f"onnas-{name}", f"harness_onnas.claims:{name}.toml", summary=summary)
