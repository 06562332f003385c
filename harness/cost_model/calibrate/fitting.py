"""Fits the cost profile of a processor: each class of kernels gets numbers of its own.

A device whose few times were published has to do with few numbers (`devices.calibration`). Here as
many times are measured as it takes, and a processor takes more: the launch of a depthwise
convolution lasts ten times as long as that of a pointwise one, and where one launch time stood for
all, errors on networks that were left out were half as large again (13 % instead of 8 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares  # type: ignore[import-untyped]

from harness.cost_model.fit import TOLERATED, Case, LeftOut, error_of, rounded
from harness.cost_model.kernels import KERNEL_CLASSES
from harness.cost_model.profile import CostError, CostProfile, KernelRates

__all__ = ["ProcessorFit", "fit_processor"]

Array = NDArray[np.float64]

# Where the fit to single operations starts from: any processor is within a few times of it.
LAUNCH_S, FLOPS_S, BYTES_S, SPEEDUP = 10e-6, 5e9, 5e9, 1.5
# How much a number resists being moved by a factor of e, where one time that is off by as much
# pulls with 1. Networks are few for so many numbers: what single operations say of a number is kept
# unless networks contradict it.
LOOSE, STIFF = 0.01, 0.1


@dataclass(frozen=True)
class ProcessorFit:
    """What a fit has found.

    Attributes:
        cost: the profile, fitted to all cases.
        left_out: each case as the fit without all cases of its group predicts it.
    """

    cost: CostProfile
    left_out: Sequence[LeftOut]


def fit_processor(
    operations: Sequence[Case], networks: Sequence[Case], provenance: str
) -> ProcessorFit:
    """Fit to operations, from there to networks, and to the networks but one for each of them.

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
    return ProcessorFit(_profile(fitted, error_of(left_out), provenance), left_out)


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
    """Fit by relative errors; a few cases that are far off are not to bend all others."""

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
