"""GPUs are found without loading torch into the process that asks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.devices.at_hand import usable_gpus


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Forget what other tests have found, and they what is found here."""
    usable_gpus.cache_clear()
    yield
    usable_gpus.cache_clear()


def test_asking_leaves_torch_unloaded(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """The answer comes from another process, and is the one that torch gives."""
    code = (
        "import sys; from harness.devices.at_hand import usable_gpus; found = usable_gpus();"
        "before = 'torch' in sys.modules;"
        "from harness.devices.readings.linux import cuda_names;"
        "print(before, found == tuple(cuda_names()))"
    )
    result = run_python("-c", code)
    assert result.stdout == "False True\n", result.stderr


def test_torch_is_asked_at_once_where_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial's process has torch already; it is asked once."""
    answers = iter([["A card"]])
    monkeypatch.setattr("harness.devices.at_hand.cuda_names", lambda: next(answers))
    monkeypatch.setitem(sys.modules, "torch", object())
    assert usable_gpus() == usable_gpus() == ("A card",)


def test_torch_that_cannot_be_imported_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with torch is said by `doctor`, not here."""

    def fail(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, stdout="", stderr="ImportError")

    monkeypatch.setattr(subprocess, "run", fail)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert usable_gpus() == ()
