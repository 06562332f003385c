"""Fits a cost profile to times, and tells how well it predicts times that the fit has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares  # type: ignore[import-untyped]
from scipy.stats import spearmanr  # type: ignore[import-untyped]

from harness.cost_model.profile import (
    KERNEL_CLASSES,
    CostError,
    CostProfile,
    Kernel,
    KernelClass,
    KernelRates,
    LeftOutTime,
)

__all__ = ["TOLERATED", "Calibration", "Case", "LeftOut", "calibrate", "error_of", "rounded"]

Array = NDArray[np.float64]
Launches = Literal["overlapped", "serial"]

# A time may be wrong by this fraction before it counts for less than the others in the fit.
TOLERATED = 0.3
# Keeps rates that no case depends on where they started.
STIFFNESS = 0.02
# Quantiles of real over predicted time between which predictions are said to lie.
BAND = (0.05, 0.95)


@dataclass(frozen=True)
class Case:
    """A measured time, and the kernels that it was spent on.

    Attributes:
        group: cases that are alike, such as those of one method; every group counts the same for
            the band of the predictions.
        implementation: names an implementation that is known to launch more than was counted; one
            factor for all its cases is fitted as well, and is not part of the profile.
        parallel: whether several threads computed it, see `CostProfile.parallel_speedup`.
    """

    name: str
    kernels: Mapping[Kernel, int]
    seconds: float
    group: str = ""
    implementation: str = ""
    parallel: bool = False


@dataclass(frozen=True)
class LeftOut:
    """A case, and what a fit to all the others predicts for it."""

    case: Case
    predicted_s: float

    @property
    def error(self) -> float:
        """The relative error of the prediction."""
        return self.predicted_s / self.case.seconds - 1.0

    def told(self) -> LeftOutTime:
        """Return it for a person; `group` is the network's name."""
        return LeftOutTime(
            name=self.case.name,
            network=self.case.group,
            measured_s=self.case.seconds,
            predicted_s=self.predicted_s,
            error=self.error,
        )


@dataclass(frozen=True)
class Calibration:
    """The result of a calibration.

    Attributes:
        cost: the profile, fitted to all cases.
        left_out: each case as a fit without it, or without its group, predicts it.
        factors: for each implementation of `Case`, how much more it takes than its kernels explain.
    """

    cost: CostProfile
    left_out: Sequence[LeftOut]
    factors: Mapping[str, float] = field(default_factory=dict)

    @property
    def rank_correlation(self) -> float:
        """Spearman's rank correlation of predictions and times."""
        predicted = [each.predicted_s for each in self.left_out]
        return float(spearmanr(predicted, [each.case.seconds for each in self.left_out]).statistic)


@dataclass(frozen=True)
class _Launched:
    """The kernels of a case, as columns."""

    counts: Array
    kinds: NDArray[np.int64]
    flops: Array
    bytes: Array
    by_engine: NDArray[np.bool_]
    seconds: float
    implementation: str

    @classmethod
    def of(cls, case: Case) -> _Launched:
        kernels = list(case.kernels)
        return cls(
            counts=np.array([case.kernels[each] for each in kernels], dtype=float),
            kinds=np.array([KERNEL_CLASSES.index(each.kind) for each in kernels]),
            flops=np.array([each.flops for each in kernels], dtype=float),
            bytes=np.array([each.bytes for each in kernels], dtype=float),
            by_engine=np.array([each.by_engine for each in kernels]),
            seconds=case.seconds,
            implementation=case.implementation,
        )


def calibrate(
    cases: Sequence[Case],
    rates: Mapping[KernelClass, KernelRates],
    launches: Launches,
    *,
    launch_s: float,
    provenance: str,
) -> Calibration:
    """Fit a profile to cases, then to all cases but one for each of them.

    Only four numbers are fitted, as there are few times: both launch times, and two factors by
    which all of `rates` are too high.

    Args:
        cases: at least two.
        rates: what each class of kernel would reach, such as the device's peaks.
        launches: see `CostProfile`.
        launch_s: seconds for a launch that the search starts from.
        provenance: for the profile.
    """
    model = _Model(rates, launches, launch_s)
    columns = [_Launched.of(case) for case in cases]
    left_out = []
    for number, case in enumerate(cases):
        others = columns[:number] + columns[number + 1 :]
        fitted = model.fit(others)
        left_out.append(LeftOut(case, model.seconds(fitted, columns[number])))
    fitted = model.fit(columns)
    cost = model.profile(fitted, error_of(left_out), provenance)
    return Calibration(cost, left_out, fitted.factors)


def error_of(left_out: Sequence[LeftOut]) -> CostError:
    """Return how far off the predictions were for cases that their fit had not seen."""
    ratios = np.array([each.case.seconds / each.predicted_s for each in left_out])
    sizes = Counter(each.case.group for each in left_out)
    weights = np.array([1.0 / sizes[each.case.group] for each in left_out])
    low, high = np.quantile(ratios, BAND, weights=weights, method="inverted_cdf")
    return CostError(
        cases=len(left_out),
        mean_percent=rounded(100.0 * float(np.mean([abs(each.error) for each in left_out]))),
        low=min(1.0, rounded(float(low))),
        high=max(1.0, rounded(float(high))),
    )


@dataclass(frozen=True)
class _Fitted:
    python_s: float
    engine_s: float
    compute: float  # of the peak rates, what is reached
    bandwidth: float
    factors: Mapping[str, float] = field(default_factory=dict)


class _Model:
    def __init__(
        self, rates: Mapping[KernelClass, KernelRates], launches: Launches, launch_s: float
    ) -> None:
        self.rates, self.launches = rates, launches
        self.flops_s = np.array([rates[kind].flops_s for kind in KERNEL_CLASSES])
        self.bytes_s = np.array([rates[kind].bytes_s for kind in KERNEL_CLASSES])
        self.start = np.log([launch_s, launch_s, 0.5, 0.5])

    def fit(self, cases: Sequence[_Launched]) -> _Fitted:
        """Fit relative errors, robustly: a few outliers should not bend the fit to all others."""
        implementations = sorted({each.implementation for each in cases} - {""})
        start = np.concatenate([self.start, np.zeros(len(implementations))])

        def errors(logs: Array) -> Array:
            fitted = self._read(logs, implementations)
            off = [np.log(self.seconds(fitted, each) / each.seconds) for each in cases]
            return np.concatenate([off, STIFFNESS * (logs - start)[: len(self.start)]])

        found = least_squares(errors, start, loss="soft_l1", f_scale=TOLERATED)
        return self._read(found.x, implementations)

    def seconds(self, fitted: _Fitted, case: _Launched) -> float:
        launch = np.where(case.by_engine, fitted.engine_s, fitted.python_s)
        computing = case.flops / (self.flops_s[case.kinds] * fitted.compute)
        moving = case.bytes / (self.bytes_s[case.kinds] * fitted.bandwidth)
        busy = np.maximum(computing, moving)
        each = np.maximum(launch, busy) if self.launches == "overlapped" else launch + busy
        return float(case.counts @ each) * fitted.factors.get(case.implementation, 1.0)

    def profile(self, fitted: _Fitted, error: CostError, provenance: str) -> CostProfile:
        rates = {
            kind: KernelRates(
                flops_s=rounded(self.rates[kind].flops_s * fitted.compute),
                bytes_s=rounded(self.rates[kind].bytes_s * fitted.bandwidth),
            )
            for kind in KERNEL_CLASSES
        }
        return CostProfile(
            launches=self.launches,
            python_kernel_s=rounded(fitted.python_s),
            engine_kernel_s=rounded(fitted.engine_s),
            rates=rates,
            error=error,
            provenance=provenance,
        )

    def _read(self, logs: Array, implementations: Sequence[str]) -> _Fitted:
        python_s, engine_s, compute, bandwidth, *factors = (float(x) for x in np.exp(logs))
        named = dict(zip(implementations, factors, strict=True))
        return _Fitted(python_s, engine_s, compute, bandwidth, named)


def rounded(value: float) -> float:
    """Keep four digits: more would pretend to a precision that there is not."""
    return float(f"{value:.4g}")
