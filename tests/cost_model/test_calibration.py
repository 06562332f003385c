"""Fitting a cost model: known ones are found again, and what is left out is really left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from harness.cost_model.calibrate.fit import Case, calibrate
from harness.cost_model.profile import (
    KERNEL_CLASSES,
    CostError,
    CostProfile,
    Kernel,
    KernelRates,
    predict_seconds,
)

PEAK = KernelRates(flops_s=1e12, bytes_s=1e11)
TRUE = CostProfile(
    launches="overlapped",
    python_kernel_s=2e-5,
    engine_kernel_s=1e-5,
    rates=dict.fromkeys(KERNEL_CLASSES, KernelRates(flops_s=4e11, bytes_s=3e10)),
    error=CostError(cases=2, mean_percent=0, low=1, high=1),
    provenance="invented",
)


def cases(count: int = 12) -> list[Case]:
    """Times of random kernels on the device of TRUE."""
    random = np.random.default_rng(0)
    found = []
    for number in range(count):
        kernels = {
            Kernel("dense", int(random.integers(10**5, 10**9)), 1000, by_engine=bool(i % 2)): 10
            for i in range(5)
        }
        kernels |= {Kernel("elementwise", 10, int(random.integers(10**3, 10**8))): 20}
        kernels |= {Kernel("pooling", 10, 10, by_engine=True): int(random.integers(10, 1000))}
        seconds = predict_seconds(TRUE, kernels).value_s
        found.append(Case(f"case {number}", kernels, seconds, group="a" if number else "b"))
    return found


def fitted(of: Sequence[Case]):  # type: ignore[no-untyped-def]
    rates = dict.fromkeys(KERNEL_CLASSES, PEAK)
    return calibrate(of, rates, "overlapped", launch_s=1e-4, provenance="a test")


def test_a_known_device_is_found_again() -> None:
    """A fit to times of a known cost model predicts what that one does."""
    calibration = fitted(cases())
    assert calibration.cost.error.mean_percent < 5
    assert calibration.rank_correlation > 0.98
    for case in cases():
        predicted = predict_seconds(calibration.cost, case.kernels)
        assert predicted.value_s == pytest.approx(case.seconds, rel=0.05)
        assert predicted.low_s <= predicted.value_s <= predicted.high_s


def test_an_implementation_may_take_longer_than_it_explains() -> None:
    """The factor of an implementation is found, and is not part of the cost model."""
    of = cases()
    slow = [Case(c.name, c.kernels, 10 * c.seconds, "slow", "slow") for c in of[:4]]
    calibration = fitted([*of[4:], *slow])
    assert calibration.factors["slow"] == pytest.approx(10, rel=0.1)
    assert predict_seconds(calibration.cost, of[0].kernels).value_s == pytest.approx(
        of[0].seconds, rel=0.1
    )


def test_a_left_out_case_has_no_say_in_its_prediction() -> None:
    """However wrong a time is, what the others predict for it stays the same."""
    of = cases()
    wrong = Case("wrong", of[0].kernels, 20 * of[0].seconds)
    honest = fitted(of).left_out[0].predicted_s
    assert fitted([wrong, *of[1:]]).left_out[0].predicted_s == pytest.approx(honest)


def test_the_band_counts_every_group_alike() -> None:
    """A few cases of a second kind that are far off widen the band, however many are right."""
    of = cases(20)
    off = [Case(c.name, c.kernels, 2 * c.seconds, "other") for c in cases(3)]
    error = fitted([*of, *off]).cost.error
    assert error.high > 1.5
    assert error.mean_percent < 30


def test_serial_launches_add_to_the_work() -> None:
    """On a processor a kernel takes its launch and its work, one after the other."""
    serial = TRUE.model_copy(update={"launches": "serial"})
    kernels = {Kernel("dense", 4 * 10**11, 0): 2}
    assert predict_seconds(serial, kernels).value_s == pytest.approx(2 * (1 + 2e-5))
    assert predict_seconds(TRUE, kernels).value_s == pytest.approx(2.0)
