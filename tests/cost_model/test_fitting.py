"""A fit finds the processor that the times came from, and judges itself on what it has not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.cost_model.calibrate.fit import Case
from harness.cost_model.calibrate.processor import fit_processor
from harness.cost_model.profile import CostProfile, predict_seconds


def test_known_processor_is_found(
    processor: CostProfile, operations: list[Case], networks: list[Case]
) -> None:
    """From exact times come exact predictions, for networks that were left out too."""
    fit = fit_processor(operations, networks, "a test")
    assert fit.cost.error.mean_percent < 3
    assert fit.cost.provenance == "a test"
    assert fit.cost.parallel_speedup == pytest.approx(processor.parallel_speedup, rel=0.05)
    for case in networks:
        predicted = predict_seconds(fit.cost, case.kernels, parallel=case.parallel)
        assert predicted.value_s == pytest.approx(case.seconds, rel=0.03)


def test_noise_is_not_believed(operations: list[Case], networks: list[Case]) -> None:
    """Times that are off by a tenth lead to predictions that are off by about as much."""
    draw = np.random.default_rng(0)
    noisy = [replace(each, seconds=each.seconds * draw.uniform(0.9, 1.1)) for each in networks]
    error = fit_processor(operations, noisy, "a test").cost.error
    assert error.mean_percent < 12
    assert 0.75 < error.low < 1 < error.high < 1.3


def test_network_is_predicted_without_any_of_its_passes(
    operations: list[Case], networks: list[Case]
) -> None:
    """Its times may be anything: what is predicted for it stays, and shows as its error."""
    true = fit_processor(operations, networks, "a test")
    group = networks[4].group
    false = [
        replace(each, seconds=5 * each.seconds) if each.group == group else each
        for each in networks
    ]
    fooled = fit_processor(operations, false, "a test")
    assert [each.case for each in fooled.left_out] == false
    for before, after in zip(true.left_out, fooled.left_out, strict=True):
        if after.case.group == group:
            assert after.predicted_s == pytest.approx(before.predicted_s)
            assert after.error == pytest.approx(-0.8, abs=0.02)
    assert fooled.cost.error.high > 2
