"""Seconds of a search step by method and engine, for pytest-benchmark: `pytest -m benchmark`.

`harness bench` compares methods in turns; this keeps a history of each, `--benchmark-autosave`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from harness.benchmark import Stepper, counted_mib
from harness.contracts import DataRequest
from harness.estimates.estimates import plan_searches
from harness.experiment.suite import SuiteEntry
from harness.plugins.loading import load_plugins
from harness.tracing.workload import workload_of

pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed")

METHODS = [
    "darts",
    "darts[engine=streamed]",
    "darts[engine=step_by_step]",
    "metanas",
    "metanas[engine=streamed]",
    "pcdarts",
    "pcdarts[engine=streamed]",
    "proxylessnas",
    "onnas",
]
SETTINGS = {  # of the issue that asked for speed: data set, ways, shots
    "84x84, 15 images": ("miniimagenet", 3, 5),
    "84x84, 5 images": ("miniimagenet", 5, 1),
    "28x28, 15 images": ("omniglot", 3, 5),
}


@pytest.mark.benchmark
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("method", METHODS)
def test_search_step(method: str, setting: str, benchmark: Any, tmp_path: Path) -> None:
    """A warm search step at C = 28; its counted memory goes along."""
    dataset, ways, shots = SETTINGS[setting]
    plugins = load_plugins()
    entry = SuiteEntry(
        methods=[method], datasets=[dataset], ways=ways, shots=shots, budget="paper,meta_epochs=0"
    )
    request = DataRequest(data_root=None, cache_root=tmp_path, report=lambda _: None)
    (search,) = plan_searches(plugins, [entry], request)
    workload = workload_of(plugins, search)
    device = torch.device("cpu")
    benchmark.group = setting
    benchmark.extra_info["peak_memory_mib"] = counted_mib(workload, device)
    stepper = Stepper(workload, device)
    benchmark.pedantic(stepper.step, rounds=3)
