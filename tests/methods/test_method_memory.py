"""Counted memory of the methods at the paper's shapes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness_baselines.darts import Darts
from harness_onnas.onnas import OnNas
from harness_onnas.parameters import OnNasParameters

from harness.contracts import SearchBatch, SearchContext
from harness.measure.memory import MemoryCounter
from harness.metrics import MIB
from harness.search.supernet_method import SupernetMethod

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]


def peak(method: SupernetMethod, context: SearchContext, batch: SearchBatch, steps: int) -> float:
    """Return the most MiB alive during search steps, everything included."""
    counter = MemoryCounter()
    with counter:
        counter.watch(batch.weights)
        method.build(context)
        for _ in range(steps):
            method.search_step([batch])
    return counter.peak_bytes / MIB


def test_darts_on_small_images(make_context: MakeContext, make_batch: MakeBatch) -> None:
    """DARTS needs 541 MiB ± 3 % for 15 images of 28x28."""
    found = peak(Darts(), make_context(28, 10, 28), make_batch(15, 28), steps=2)
    assert found == pytest.approx(541, rel=0.03)


def test_onnas_on_small_images(make_context: MakeContext, make_batch: MakeBatch) -> None:
    """On-NAS needs at most 26 MiB for 15 images of 28x28, the paper's figure."""
    assert peak(OnNas(), make_context(28, 10, 28), make_batch(15, 28), steps=2) <= 26


@pytest.mark.slow
def test_darts_on_large_images(make_context: MakeContext, make_batch: MakeBatch) -> None:
    """DARTS needs 1,597 MiB ± 3 % for 5 images of 84x84."""
    found = peak(Darts(), make_context(84, 10, 28, 3), make_batch(5, 84, 3), steps=2)
    assert found == pytest.approx(1597, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("explore", [0.2, 1.0])
def test_onnas_on_large_images(
    explore: float, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """On-NAS needs at most 100 MiB for 15 images of 84x84 in 5 micro-batches, q = 2."""
    method = OnNas(OnNasParameters(explore=explore))
    assert peak(method, make_context(84, 10, 28, 3), make_batch(15, 84, 3), steps=2) <= 100
