"""Cells to draw, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
CELL = [
    [[0, "conv_3x3"], [1, "skip_connect"]],
    [[0, "max_pool_3x3"], [2, "sep_conv_3x3"]],
    [[1, "dil_conv_3x3"], [3, "conv_1x5_5x1"]],
]


@pytest.fixture(scope="session")
def architecture() -> dict[str, Any]:
    """An architecture as records hold it."""
    return {"normal": CELL, "reduction": CELL}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium of this machine."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - its tests ask whether it is there

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=QUIET)
        yield started
        started.close()
