"""Predicts how long a device would take for a collection of kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.cost_model.kernels import Kernel
from harness.cost_model.profile import CostProfile

__all__ = ["Prediction", "predict_seconds"]


@dataclass(frozen=True)
class Prediction:
    """A predicted time; nine of ten real ones are between `low_s` and `high_s`.

    That holds for what is like the cases that the device was calibrated on.
    """

    value_s: float
    low_s: float
    high_s: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def predict_seconds(
    cost: CostProfile, kernels: Mapping[Kernel, int], *, parallel: bool = False
) -> Prediction:
    """Predict the seconds for kernels that are launched one after another, so often each.

    Args:
        cost: what is known of the device.
        kernels: how often each is launched.
        parallel: on a processor, whether several threads are used (`runner.parallelism` tells).
    """
    speedup = cost.parallel_speedup if parallel else 1.0
    value = sum(count * _seconds(cost, kernel, speedup) for kernel, count in kernels.items())
    return Prediction(value, value * cost.error.low, value * cost.error.high)


def _seconds(cost: CostProfile, kernel: Kernel, speedup: float) -> float:
    rates = cost.rates[kernel.kind]
    busy = max(kernel.flops / rates.flops_s, kernel.bytes / rates.bytes_s) / speedup
    host = cost.engine_kernel_s if kernel.by_engine else cost.python_kernel_s
    launch = host + rates.launch_s
    return max(launch, busy) if cost.launches == "overlapped" else launch + busy
