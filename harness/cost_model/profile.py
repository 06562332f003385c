"""What calibration has found out about a device: the part of its profile that predicts time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.cost_model.kernels import KERNEL_CLASSES, KernelClass
from harness.errors import UnknownNameError

__all__ = ["CostError", "CostProfile", "KernelRates"]

Rate = Annotated[float, Field(gt=0, le=1e18, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=0.1, allow_inf_nan=False)]
Speedup = Annotated[float, Field(ge=0.1, le=1000, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KernelRates(_Table):
    """How fast a device does the kernels of one class: the slower of both bounds counts."""

    launch_s: Seconds = Field(
        default=0.0, description="seconds to launch one, besides what the host takes for any kernel"
    )
    flops_s: Rate = Field(description="floating-point operations a second")
    bytes_s: Rate = Field(description="bytes read and written a second")


class CostError(_Table):
    """How far predictions were off for what calibration had not seen."""

    cases: int = Field(ge=2, description="times that were predicted, each left out of its own fit")
    mean_percent: float = Field(ge=0, le=1000, description="mean absolute error in percent")
    low: float = Field(gt=0, le=1, description="real over predicted time: 5 % were below this")
    high: float = Field(ge=1, le=100, description="real over predicted time: 5 % were above this")


class CostProfile(_Table):
    """A roofline for each class of kernel, and what the host takes to launch one.

    Launches and kernels overlap on a GPU, which is waited for at the end of a step only: a kernel
    takes the longer of both. On a processor one thread does one after the other.
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
