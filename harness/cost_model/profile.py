"""The part of a device's profile that predicts time, and the prediction; imports no torch.

A device launches kernels. Each belongs to a class, and calibration has measured how fast the device
is at each class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.errors import UnknownNameError

__all__ = [
    "KERNEL_CLASSES",
    "CostError",
    "CostProfile",
    "Kernel",
    "KernelClass",
    "KernelRates",
    "LeftOutTime",
    "Prediction",
    "predict_seconds",
    "predicted_time_json",
]

KernelClass = Literal[
    "dense", "depthwise", "pointwise", "pooling", "batch_norm", "elementwise", "optimizer"
]
KERNEL_CLASSES: tuple[KernelClass, ...] = get_args(KernelClass)


class Kernel(NamedTuple):
    """One launch on a device."""

    kind: KernelClass
    flops: int  # floating-point operations; a multiplication and an addition are two
    bytes: int  # read and written, each operand once
    by_engine: bool = False  # launched by the autograd engine in its backward pass, not by Python


Rate = Annotated[float, Field(gt=0, le=1e18, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=0.1, allow_inf_nan=False)]
Speedup = Annotated[float, Field(ge=0.1, le=1000, allow_inf_nan=False)]


class _CostTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KernelRates(_CostTable):
    """How fast a device runs the kernels of one class; the slower of both bounds counts."""

    launch_s: Seconds = Field(
        default=0.0, description="seconds to launch one, besides what the host takes for any kernel"
    )
    flops_s: Rate = Field(description="floating-point operations a second")
    bytes_s: Rate = Field(description="bytes read and written a second")


class CostError(_CostTable):
    """How far predictions were off for what calibration had not seen."""

    cases: int = Field(ge=2, description="times that were predicted, each left out of its own fit")
    mean_percent: float = Field(ge=0, le=1000, description="mean absolute error in percent")
    low: float = Field(gt=0, le=1, description="real over predicted time: 5 % were below this")
    high: float = Field(ge=1, le=100, description="real over predicted time: 5 % were above this")


class LeftOutTime(BaseModel):
    """A measured time of a network, and what a fit to all other networks predicts for it."""

    model_config = ConfigDict(frozen=True)

    name: str
    network: str
    measured_s: float
    predicted_s: float
    error: float = Field(description="of the prediction, as a fraction of the measured time")


class CostProfile(_CostTable):
    """A roofline for each class of kernel, and the host's time to launch one.

    On a GPU launches and kernels overlap, since the host waits only at the end of a step: a kernel
    takes the longer of both times. On a processor, one thread does one after the other.
    """

    launches: Literal["overlapped", "serial"] = Field(
        description="whether the host launches on while kernels run"
    )
    python_kernel_s: Seconds = Field(description="seconds of the host for a kernel from Python")
    engine_kernel_s: Seconds = Field(
        description="seconds of the host for a kernel from the autograd engine's backward pass"
    )
    parallel_speedup: Speedup = Field(
        default=1.0,
        description="how many times as fast kernels are where a trial has several threads; "
        "launches are not",
    )
    rates: dict[KernelClass, KernelRates] = Field(description="for each class of kernel")
    error: CostError
    provenance: Annotated[str, Field(min_length=1)] = Field(
        description="which times, of which code, all this was fitted to"
    )

    @field_validator("rates", mode="before")
    @classmethod
    def _has_no_other_class(cls, rates: object) -> object:
        for name in rates if isinstance(rates, Mapping) else ():
            if name not in KERNEL_CLASSES:
                raise ValueError(str(UnknownNameError("class of kernels", name, KERNEL_CLASSES)))
        return rates

    @model_validator(mode="after")
    def _has_every_class(self) -> CostProfile:
        if missing := [kind for kind in KERNEL_CLASSES if kind not in self.rates]:
            raise ValueError(f"'rates' must have a table for {', '.join(missing)}")
        return self


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


def predicted_time_json(time: Prediction | None) -> dict[str, Any]:
    """Return a predicted time as JSON values, with unit and source; its value may be null."""
    return {
        "value": time.value_s if time else None,
        "low": time.low_s if time else None,
        "high": time.high_s if time else None,
        "unit": "s",
        "source": "predicted",
    }


def predict_seconds(
    cost: CostProfile, kernels: Mapping[Kernel, int], *, parallel: bool = False
) -> Prediction:
    """Predict the seconds of kernels that are launched one after another.

    Args:
        cost: what is known of the device.
        kernels: how often each is launched.
        parallel: on a processor, whether several threads are used (see
            `harness.runtime.determinism.is_worth_threads`).
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
