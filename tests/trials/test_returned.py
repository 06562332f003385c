"""What a method returns is checked before it counts as a result."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.loop.guards import (
    NotFiniteError,
    RssGuard,
    UncountedMemoryError,
    check_logits,
    check_metrics,
)
from harness.metrics import MIB
from harness.trials.few_shot import _query_order

IMAGES = torch.zeros(4, 1, 8, 8)


@pytest.mark.parametrize("key", ["loss", "accuracy"])
def test_a_metric_that_is_no_number_is_an_error(key: str) -> None:
    """NaN and infinity are named, with the step they came from."""
    for value in (math.nan, math.inf):
        metrics: Any = {"loss": 1.0, "accuracy": 50.0, key: value}
        with pytest.raises(NotFiniteError, match=f"the {key} became {value} at step 3"):
            check_metrics(metrics, "step 3")


@pytest.mark.parametrize("metrics", [None, {"loss": 1.0}, {"loss": "x", "accuracy": 1.0}])
def test_metrics_that_are_missing_are_named(metrics: Any) -> None:
    """A step that returns something else is told what it must return."""
    with pytest.raises(TypeError, match="must return a loss and an accuracy"):
        check_metrics(metrics, "step 1")


def test_logits_of_nan_are_no_prediction() -> None:
    """One NaN among logits is an error, since the largest of them would still be some class."""
    logits = torch.zeros(4, 5)
    check_logits(logits, IMAGES)
    logits[2, 3] = math.nan
    with pytest.raises(NotFiniteError, match="predict returned logits that are NaN"):
        check_logits(logits, IMAGES)


@pytest.mark.parametrize("shape", [(3, 5), (4,)])
def test_logits_have_a_row_for_each_image(shape: tuple[int, ...]) -> None:
    """Fewer rows than images, or no rows at all, are an error that has the shape."""
    with pytest.raises(ValueError, match=r"for 4 images"):
        check_logits(torch.zeros(shape), IMAGES)


def test_query_images_come_in_an_order_that_tells_no_label() -> None:
    """The order is a permutation, the same for every method, and another for another task."""
    orders = [_query_order(0, index, 75).tolist() for index in (0, 0, 1)]
    assert sorted(orders[0]) == list(range(75))
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_memory_beside_tensors_is_held_to_the_limit_too(tmp_path: Path) -> None:
    """A process that grows by more than tensors, limit and slack explain is refused."""
    status = tmp_path / "status"

    def grow(mebibytes: int) -> None:
        status.write_text(f"Name:\tpython\nRssAnon:\t {mebibytes * 1024} kB\n", encoding="utf-8")

    grow(500)
    growth = RssGuard(640 * MIB, status)
    grow(500 + 1024 + 600)
    growth.check(counted_bytes=600 * MIB)
    with pytest.raises(UncountedMemoryError, match="took 1,624 MiB besides its tensors"):
        growth.check(counted_bytes=0)


def test_without_limit_or_readings_nothing_is_refused(tmp_path: Path) -> None:
    """A device without a limit, or a system that tells nothing, refuses nothing."""
    RssGuard(None).check(counted_bytes=0)
    RssGuard(1, tmp_path / "nowhere").check(counted_bytes=0)
