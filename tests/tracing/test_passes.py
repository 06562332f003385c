"""Passes that are done again, not traced again."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.contracts import Batch, DataRequest
from harness.estimates.estimates import plan_searches
from harness.experiment.suite import SuiteEntry
from harness.measure.memory import MemoryCounter
from harness.plugins.loading import load_plugins
from harness.space.backpropagation import BatchOutcome, accumulate_gradients, ordinary
from harness.space.spec import SearchSpace
from harness.space.supernet import Supernet
from harness.tracing import passes
from harness.tracing import trace as tracing
from harness.tracing.fake_values import FakeValues
from harness.tracing.shapes import ShapeMode
from harness.tracing.workload import Workload, workload_of


def workload_for(method: str, ways: int, shots: int, space: SearchSpace) -> Workload:
    entry = SuiteEntry(methods=[method], ways=ways, shots=shots, budget="quick,channels=4")
    plugins = load_plugins()
    (search,) = plan_searches(plugins, [entry], DataRequest(None, Path(), print))
    form = search.form._replace(image_shape=(1, 8, 8))
    return workload_of(plugins, replace(search, form=form, space=space))


def everything_of(workload: Workload) -> list[Any]:
    found = tracing.trace(workload)
    ends = tracing.trace_range(workload, found.binding) if found.reads_values else ()
    return [found.peak_bytes, found.storage_bytes, found.kernels, found.binding, ends]


@pytest.mark.parametrize(
    ("method", "ways", "shots"),
    [
        ("darts", 2, 1),
        ("metanas[engine=step_by_step,micro_batches=3]", 3, 1),
        pytest.param("darts[engine=streamed]", 5, 4, marks=pytest.mark.slow),
        pytest.param("darts[engine=merged]", 5, 4, marks=pytest.mark.slow),
        pytest.param("darts[order=second]", 5, 4, marks=pytest.mark.slow),
        pytest.param("pcdarts", 5, 4, marks=pytest.mark.slow),
        pytest.param("proxylessnas[latency_weight=0]", 2, 1, marks=pytest.mark.slow),
        pytest.param("onnas", 5, 4, marks=pytest.mark.slow),
        pytest.param("onnas[gradient=selected,micro_batches=2]", 5, 1, marks=pytest.mark.slow),
    ],
)
def test_what_is_remembered_is_what_would_be_traced(
    method: str,
    ways: int,
    shots: int,
    small_space: SearchSpace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bytes, kernels and the range of choices are the same with every pass traced by itself."""
    monkeypatch.setattr(passes, "_passes", {})
    remembered = everything_of(workload_for(method, ways, shots, small_space))
    assert any(passes._passes.values())
    monkeypatch.setattr(tracing, "remembered_passes", lambda _: nullcontext())
    assert everything_of(workload_for(method, ways, shots, small_space)) == remembered


def test_engines_that_are_not_the_hosts_run_each_time() -> None:
    """Of an engine that may look at anything nothing is remembered."""
    runs = []

    def engine(net: Supernet, batch: Batch, mixing: Any, share: float = 1.0) -> BatchOutcome:
        runs.append(share)
        return ordinary(net, batch, mixing, share)

    shapes = ShapeMode(FakeValues(torch.Generator()), MemoryCounter("meta"))
    with shapes, passes.remembered_passes(shapes):
        net = Supernet(1, 2, 4).to("meta")
        images, labels = torch.empty(1, 1, 8, 8), torch.empty(1, dtype=torch.int64)
        part = Batch(images.to("meta"), labels.to("meta"))
        accumulate_gradients(engine, net, [part] * 2, net.mixing)
    assert runs == [0.5, 0.5]
