"""The harness from Python: the calls that the command line makes, with results as objects.

    import harness

    found = harness.run(methods=["onnas", "darts"], device="jetson", budget="quick", seeds=range(3))
    found.frame()

Arguments mirror the flags of the commands, and so do defaults and the environment's `HARNESS_DATA`
and `HARNESS_CACHE`. A user's mistake is an exception of `harness.errors`, with the sentence that
the command line prints. Torch is imported only once something is computed.
"""

from harness.api.calls import (
    budgets,
    compare,
    datasets,
    device_names,
    estimate,
    load,
    methods,
    report,
    run,
    spaces,
    suites,
)
from harness.api.models import adapt, export, predict
from harness.api.results import Estimates, RunResults

__all__ = [
    "Estimates",
    "RunResults",
    "adapt",
    "budgets",
    "compare",
    "datasets",
    "device_names",
    "estimate",
    "export",
    "load",
    "methods",
    "predict",
    "report",
    "run",
    "spaces",
    "suites",
]
