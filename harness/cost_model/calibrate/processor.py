"""Fits the cost profile of the processor at hand: each class of kernels gets numbers of its own.

For a device with few published times, a fit has few numbers (`calibrate.published`). Here as many
times are measured as are needed, and a processor needs more: the launch of a depthwise convolution
takes ten times as long as that of a pointwise one. With one launch time for all classes, errors on
networks that were left out were half as large again (13 % instead of 8 %).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares  # type: ignore[import-untyped]

from harness.cost_model.calibrate.fit import (
    TOLERATED,
    Calibration,
    Case,
    LeftOut,
    error_of,
    rounded,
)
from harness.cost_model.calibrate.timing import STAGES, measure
from harness.cost_model.calibrate.workloads import NETWORKS, network_works, operation_works
from harness.cost_model.profile import KERNEL_CLASSES, CostError, CostProfile, KernelRates
from harness.devices.profile import ANY_MACHINE, DeviceProfile
from harness.environment import describe_environment

__all__ = ["calibrate_processor", "fit_processor", "processor_profile"]

Array = NDArray[np.float64]

# Where the fit to single operations starts from: any processor is within a few times of it.
LAUNCH_S, FLOPS_S, BYTES_S, SPEEDUP = 10e-6, 5e9, 5e9, 1.5
# The penalty for moving a number by a factor of e, where a time that is off by that factor costs 1.
# There are few networks for so many numbers, so what single operations say is kept unless networks
# contradict it.
LOOSE, STIFF = 0.01, 0.1


def calibrate_processor(
    progress: Callable[[int], AbstractContextManager[Callable[[str], None]]],
) -> Calibration:
    """Measure single operations and whole networks on this processor, and fit to both.

    Args:
        progress: is called with the number of stages of work; what the context manager yields is
            called with the name of each as it begins.
    """
    operations, networks = list(operation_works()), list(network_works())
    works = [*operations, *networks]
    with progress(STAGES * len(works)) as started:
        cases = measure(works, started)
    first = len(operations)
    return fit_processor(cases[:first], cases[first:], _provenance(len(NETWORKS)))


def fit_processor(
    operations: Sequence[Case], networks: Sequence[Case], provenance: str
) -> Calibration:
    """Fit to operations, then to networks, and once more without each network.

    Args:
        operations: times of single operations, for each class of kernels some.
        networks: times of whole passes; those through one network, whose `group` is the same, are
            left out together. There are two networks at least.
        provenance: for the profile.
    """
    start = _fit(_Launches.of(operations), _start(), LOOSE)
    left_out: list[LeftOut] = []
    for group in dict.fromkeys(case.group for case in networks):
        others = [case for case in networks if case.group != group]
        these = [case for case in networks if case.group == group]
        fitted = _fit(_Launches.of(others), start, STIFF)
        predicted = _seconds(fitted, _Launches.of(these))
        left_out += map(LeftOut, these, map(float, predicted))
    fitted = _fit(_Launches.of(networks), start, STIFF)
    return Calibration(_profile(fitted, error_of(left_out), provenance), left_out)


@dataclass(frozen=True)
class _Launches:
    """The kernels of all cases as columns, one row for each kernel of a case."""

    case: NDArray[np.int64]  # number of the case
    kind: NDArray[np.int64]
    counts: Array
    flops: Array
    bytes: Array
    parallel: NDArray[np.bool_]
    seconds: Array  # of each case, not of each row

    @classmethod
    def of(cls, cases: Sequence[Case]) -> _Launches:
        rows = [
            (number, KERNEL_CLASSES.index(each.kind), count, each.flops, each.bytes, case.parallel)
            for number, case in enumerate(cases)
            for each, count in case.kernels.items()
        ]
        case, kind, counts, flops, traffic, parallel = map(np.array, zip(*rows, strict=True))
        seconds = np.array([case.seconds for case in cases])
        return cls(case, kind, counts, flops, traffic, parallel, seconds)


def _start() -> Array:
    """Return the logarithms of the numbers: three for each class, then the speed-up."""
    kinds = len(KERNEL_CLASSES)
    return np.log([LAUNCH_S] * kinds + [FLOPS_S] * kinds + [BYTES_S] * kinds + [SPEEDUP])


def _fit(launches: _Launches, start: Array, stiffness: float) -> Array:
    """Fit relative errors, robustly: a few outliers should not bend the fit to all others."""

    def errors(logs: Array) -> Array:
        off = np.log(_seconds(logs, launches) / launches.seconds)
        return np.concatenate([off, stiffness * (logs - start)])

    found: Array = least_squares(errors, start, loss="soft_l1", f_scale=TOLERATED).x
    return found


def _seconds(logs: Array, launches: _Launches) -> Array:
    """Return the seconds of each case, as `cost_model.predict_seconds` has them."""
    *numbers, speedup = np.exp(logs)
    launch_s, flops_s, bytes_s = np.reshape(numbers, (3, -1))[:, launches.kind]
    busy = np.maximum(launches.flops / flops_s, launches.bytes / bytes_s)
    busy = np.where(launches.parallel, busy / speedup, busy)
    totals = np.bincount(launches.case, weights=launches.counts * (launch_s + busy))
    return totals.astype(np.float64)


def _profile(logs: Array, error: CostError, provenance: str) -> CostProfile:
    *numbers, speedup = (rounded(float(number)) for number in np.exp(logs))
    of_class = zip(*np.reshape(numbers, (3, -1)).tolist(), strict=True)
    rates = {
        kind: KernelRates(launch_s=launch_s, flops_s=flops_s, bytes_s=bytes_s)
        for kind, (launch_s, flops_s, bytes_s) in zip(KERNEL_CLASSES, of_class, strict=True)
    }
    return CostProfile(
        launches="serial",
        python_kernel_s=0.0,
        engine_kernel_s=0.0,
        parallel_speedup=speedup,
        rates=rates,
        error=error,
        provenance=provenance,
    )


def _provenance(networks: int) -> str:
    """Describe on what and with what the networks were measured."""
    here = describe_environment()
    today = datetime.now(timezone.utc).date().isoformat()
    return (
        f"harness {here['harness']} devices calibrate, {today}: {networks} networks of the search "
        f"space, measured on {here['processor']} with {here['torch_threads']} threads for large "
        f"batches and one for small ones, torch {here['torch']}; each was predicted by a fit to "
        "the others"
    )


def processor_profile(name: str, cost: CostProfile) -> DeviceProfile:
    """Return a profile without a memory limit, as of the built-in `cpu`, with this cost model."""
    processor = describe_environment()["processor"] or "a processor"
    return DeviceProfile(
        name=name,
        model=f"{processor}, calibrated",
        kind="cpu",
        recognised_by=[ANY_MACHINE],
        cost=cost,
    )
