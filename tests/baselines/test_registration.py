"""How the baselines come into the harness."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from harness.errors import UsageError
from harness.plugins.loading import load_plugins
from harness.plugins.selection import recreate

NAMES = {
    *("bias-only", "darts", "darts-minus", "drnas", "evolution", "fairdarts", "gdas"),
    "last-layer",
    *("metanas", "pcdarts", "proxylessnas", "random", "random-alpha", "sparse-update"),
    "weights-only",
}


def test_every_name_has_a_class(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Each baseline is made from its defaults by the name that it is registered under."""
    for name in NAMES:
        assert recreate(load_plugins(), "method", name, {}).create() is not None


def test_registering_imports_no_torch(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Neither the plugin module nor the parameters import torch."""
    code = (
        "import sys, harness_baselines, harness_baselines.parameters as _; "
        "print('torch' in sys.modules)"
    )
    result = run_python("-c", code)
    assert result.stdout.strip() == "False", result.stderr


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("pcdarts", {"k": 1}),
        ("darts", {"order": "third"}),
        ("random", {"candidates": 0}),
        ("random", {"architecture_lr": 0.1}),
        ("weights-only", {"final_temperature": 0.1}),
    ],
)
def test_parameters_that_mean_nothing_are_refused(name: str, parameters: dict[str, object]) -> None:
    """A value out of range is refused, and so is a parameter that the method would not use."""
    with pytest.raises(UsageError):
        recreate(load_plugins(), "method", name, parameters)
