"""A processor that is known, and cases that it would have been measured with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from harness.cost_model.calibrate.fit import Case
from harness.cost_model.profile import (
    KERNEL_CLASSES,
    CostError,
    CostProfile,
    Kernel,
    KernelClass,
    KernelRates,
    predict_seconds,
)


@pytest.fixture
def processor() -> CostProfile:
    """Return a processor whose classes of kernels differ by up to fifty times."""
    rates: dict[KernelClass, KernelRates] = {
        kind: KernelRates(launch_s=(2 + 15 * n) * 1e-6, flops_s=5e10 / 2**n, bytes_s=(2 + n) * 1e9)
        for n, kind in enumerate(KERNEL_CLASSES)
    }
    return CostProfile(
        launches="serial",
        python_kernel_s=0.0,
        engine_kernel_s=0.0,
        parallel_speedup=1.7,
        rates=rates,
        error=CostError(cases=2, mean_percent=0.0, low=1.0, high=1.0),
        provenance="made up",
    )


@pytest.fixture
def operations(processor: CostProfile) -> list[Case]:
    """Return cases of one class each, from nothing but launches to hardly any."""
    sizes = [10**n for n in range(2, 8)]
    return [
        _case(processor, f"{kind} {size} {work}", {Kernel(kind, size * work, 4 * size): 8})
        for kind in KERNEL_CLASSES
        for size in sizes
        for work in (1, 100)
    ]


@pytest.fixture
def networks(processor: CostProfile) -> list[Case]:
    """Return twelve networks with three passes each; every third uses several threads."""
    return [
        _case(processor, f"network {n} pass {m}", kernels, f"network {n}", parallel=n % 3 == 0)
        for n in range(12)
        for m, kernels in enumerate(_passes(np.random.default_rng(n)))
    ]


def _passes(draw: np.random.Generator) -> Iterator[dict[Kernel, int]]:
    elements = 4 ** int(draw.integers(5, 11))
    for repeats in (1, 2, 3):
        yield {
            Kernel(kind, elements * int(draw.choice((1, 30))), 4 * elements): repeats * count
            for kind, count in zip(KERNEL_CLASSES, draw.integers(1, 50, 7).tolist(), strict=True)
        }


def _case(
    processor: CostProfile,
    name: str,
    kernels: dict[Kernel, int],
    group: str = "",
    *,
    parallel: bool = False,
) -> Case:
    seconds = predict_seconds(processor, kernels, parallel=parallel).value_s
    return Case(name, kernels, seconds, group=group, parallel=parallel)
