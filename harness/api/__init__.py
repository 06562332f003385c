"""The harness from Python: the calls that the command line makes, with results as objects.

    import harness

    found = harness.run(methods=["onnas", "darts"], device="jetson", budget="quick", seeds=range(3))
    found.frame()

Arguments, defaults and the environment variables `HARNESS_DATA` and `HARNESS_CACHE` are those of
the commands. A user's mistake raises an exception of `harness.errors`, with the sentence that the
command line prints. Torch is imported only once something is computed.
"""

from harness.api.calls import RunResults, compare, load, pretrain, report, run
from harness.api.costs import Benchmark, Estimates, bench, estimate
from harness.api.devices import CalibratedDevice, calibrate
from harness.api.inspection import (
    Ledger,
    budgets,
    claim,
    correlate,
    datasets,
    device_names,
    methods,
    spaces,
    suites,
)
from harness.api.models import adapt, export, predict, recommend

__all__ = [
    "Benchmark",
    "CalibratedDevice",
    "Estimates",
    "Ledger",
    "RunResults",
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
