"""Honest benchmarks of neural architecture search (NAS) on small devices.

From Python, `harness.run`, `pretrain`, `estimate`, `bench`, `load`, `compare`, `report`, `claim`,
`correlate`, `calibrate`, `recommend`, `adapt`, `predict` and `export` do what the commands of these
names do, see `harness.api`. A plugin needs `hookimpl`, to mark its hooks, and what
`harness.contracts` and `harness.hookspecs` describe.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker

if TYPE_CHECKING:
    from harness.api import (
        Benchmark,
        CalibratedDevice,
        Estimates,
        Ledger,
        RunResults,
        adapt,
        bench,
        budgets,
        calibrate,
        claim,
        compare,
        correlate,
        datasets,
        device_names,
        estimate,
        export,
        load,
        methods,
        predict,
        pretrain,
        recommend,
        report,
        run,
        spaces,
        suites,
    )

__all__ = [
    "Benchmark",
    "CalibratedDevice",
    "Estimates",
    "Ledger",
    "RunResults",
    "__version__",
    "adapt",
    "bench",
    "budgets",
    "calibrate",
    "claim",
    "compare",
    "correlate",
    "datasets",
    "device_names",
    "estimate",
    "export",
    "hookimpl",
    "load",
    "methods",
    "predict",
    "pretrain",
    "recommend",
    "report",
    "run",
    "spaces",
    "suites",
]

__version__ = "0.2.0"

hookimpl = HookimplMarker("harness")
"""Marks a function of a plugin as the implementation of a hook of `harness.hookspecs`."""


def __getattr__(name: str) -> Any:
    """Import what is offered from `harness.api` once it is asked for."""
    if name in __all__:
        return getattr(import_module("harness.api"), name)
    raise AttributeError(f"module 'harness' has no attribute '{name}'")
