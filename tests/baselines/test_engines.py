"""Every engine gives every method that offers it the gradients of ordinary back-propagation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from harness_baselines.darts import engine_named
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from harness.contracts import Batch, SearchContext
from harness.search.parameters import EngineName, Parts
from harness.space.backpropagation import Engine, split_batch
from harness.space.mixing import draw_drop_path
from harness.space.supernet import Supernet

MakeContext = Callable[..., SearchContext]

METHODS = ["darts", "metanas", "pcdarts", "weights-only"]
ENGINES: tuple[EngineName, ...] = ("streamed", "step_by_step", "merged")


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", METHODS)
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    size=st.integers(5, 12),
    images=st.integers(3, 9),
    channels=st.sampled_from([4, 8]),
    parts=st.integers(1, 3),
    drop=st.sampled_from([0.0, 0.4]),
)
def test_gradients_and_statistics_are_the_ordinary_ones(
    name: str,
    build: Any,
    make_context: MakeContext,
    *,
    size: int,
    images: int,
    channels: int,
    parts: int,
    drop: float,
) -> None:
    """Below 1e-10 for every parameter, whatever the shape, drop path and micro-batches."""
    reference: Supernet = build(name, make_context(size=size, channels=channels)).net.train()
    nets = {engine: copy.deepcopy(reference) for engine in ENGINES}
    batch = Batch(torch.randn(images, 1, size, size), torch.arange(images) % 3)
    run(reference, engine_named("ordinary"), batch, parts, drop)
    for engine, net in nets.items():
        run(net, engine_named(engine), batch, parts, drop)
        assert_same(net, reference, engine)


def assert_same(net: Supernet, reference: Supernet, engine: str) -> None:
    """Hold gradients and statistics against those of another network of the same shape."""
    for (label, found), wanted in zip(net.named_parameters(), reference.parameters(), strict=True):
        assert (found.grad is None) == (wanted.grad is None), (engine, label)
        if found.grad is not None and wanted.grad is not None:
            assert relative_error(found.grad, wanted.grad) < 1e-10, (engine, label)
    for (label, moved), statistic in zip(net.named_buffers(), reference.buffers(), strict=True):
        assert relative_error(moved.double(), statistic.double()) < 1e-10, (engine, label)


def run(net: Supernet, engine: Engine, batch: Batch, parts: int, drop: float) -> None:
    """Accumulate the gradients of a batch over its parts, each with a draw of drop path."""
    generator = torch.Generator().manual_seed(3)
    for part in split_batch(batch, *Parts(parts)):
        images, drawn = len(part.labels), None
        if drop:
            drawn = draw_drop_path(images, drop, generator, space=net.space)
        engine(net, part, net.mixing(0.7, drop_path=drawn), images / len(batch.labels))


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Return the norm of the difference over the norm, which may be zero up to rounding."""
    difference = float((found - expected).norm())
    return difference / max(float(expected.norm()), 1e-4)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", METHODS)
def test_a_search_ends_where_an_ordinary_one_ends(
    name: str, build: Any, make_context: MakeContext, make_batch: Callable[..., Any]
) -> None:
    """Three search steps with a streaming engine leave the same parameters to 1e-6."""
    left = {}
    for engine in ("ordinary", "streamed"):
        method = build(name, make_context(channels=8, steps=3), engine=engine)
        for _ in range(3):
            method.search_step([make_batch()])
        left[engine] = method.state_dict()
    for label, found in left["streamed"].items():
        torch.testing.assert_close(found, left["ordinary"][label], rtol=1e-6, atol=1e-6, msg=label)


@pytest.mark.parametrize(
    ("stage", "engine"),
    [({}, "streamed"), ({"pretraining": True}, "merged"), ({"validation": True}, "merged")],
)
def test_what_is_not_counted_has_the_merged_engine(
    build: Any, make_context: MakeContext, stage: dict[str, Any], engine: EngineName
) -> None:
    """Pretraining and its validation have memory to spare: their engine is the fastest."""
    method = build("darts", replace(make_context(), **stage), engine="streamed", micro_batches=2)
    assert method.engine is engine_named(engine)
    assert method.parts.number == (1 if "pretraining" in stage else 2)
