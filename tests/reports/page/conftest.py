"""Cells to draw."""

from __future__ import annotations

from typing import Any

import pytest

CELL = [
    [[0, "conv_3x3"], [1, "skip_connect"]],
    [[0, "max_pool_3x3"], [2, "sep_conv_3x3"]],
    [[1, "dil_conv_3x3"], [3, "conv_1x5_5x1"]],
]


@pytest.fixture(scope="session")
def architecture() -> dict[str, Any]:
    """An architecture as records hold it."""
    return {"normal": CELL, "reduction": CELL}
