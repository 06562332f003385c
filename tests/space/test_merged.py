"""The merged engine gives the gradients of ordinary back-propagation, in fewer operations."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from harness.contracts import Batch
from harness.measure.dispatch import OperationMode, schema_of
from harness.space import merged as merged_module
from harness.space.backpropagation import Engine, ordinary
from harness.space.batch_norm import BatchNorm, frozen_statistics
from harness.space.merged import merged, offline_engine
from harness.space.mixing import draw_drop_path
from harness.space.spec import SPACES
from harness.space.supernet import Supernet

MakeBatch = Callable[..., Batch]


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    space=st.sampled_from(list(SPACES.values())),
    size=st.integers(5, 12),
    images=st.integers(3, 6),
    channels=st.integers(2, 6),
    edge_pairs=st.booleans(),
    drop=st.sampled_from([0.0, 0.4]),
    joined=st.sampled_from([0, 300, 10**9]),
)
def test_gradients_and_statistics_are_the_ordinary_ones(
    make_batch: MakeBatch, *, space: Any, joined: int, **shape: Any
) -> None:
    """Below 1e-10 in double precision, whatever runs joined, in every space with a supernet."""
    net = Supernet(1, 3, shape["channels"], edge_pairs=shape["edge_pairs"], space=space)
    batch = make_batch(shape["images"], shape["size"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merged_module, "JOINED_VALUES", joined)
        assert_same(net, batch, drop=shape["drop"])


def test_norms_that_are_not_the_searchs_own_run_by_themselves(make_batch: MakeBatch) -> None:
    """Operations whose norms shift their output, as those of bias-only, give what they give."""
    net = Supernet(1, 3, 4)
    for part in list(net.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, BatchNorm):
                setattr(part, name, _Shifted(len(child.running_mean)))
    assert_same(net, make_batch(4, 8))


class _Shifted(BatchNorm):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.bias = nn.Parameter(torch.randn(channels))

    def forward(self, images: Tensor) -> Tensor:
        assert self.bias is not None
        return super().forward(images) + self.bias[:, None, None]


def test_frozen_statistics_stay(make_batch: MakeBatch) -> None:
    """Where running statistics are frozen, a pass moves none of them."""
    net, batch = Supernet(1, 3, 4), make_batch(4, 8)
    before = [buffer.clone() for buffer in net.buffers()]
    with frozen_statistics(net):
        merged(net, batch, net.mixing())
    assert all(map(torch.equal, before, net.buffers()))


def test_a_pass_needs_fewer_operations(make_batch: MakeBatch) -> None:
    """Of the operations that compute, it calls three quarters; convolutions and norms, a third."""
    net, batch = Supernet(1, 3, 4), make_batch(4, 8)
    drop_path = draw_drop_path(4, 0.2, torch.Generator().manual_seed(0))
    counted = {}
    for engine in (ordinary, merged):
        net.zero_grad()
        with _Calls() as counted[engine]:
            engine(net, batch, net.mixing(drop_path=drop_path))
    few, many = counted[merged].calls, counted[ordinary].calls
    assert sum(few.values()) < 0.75 * sum(many.values())
    for name in ("aten::convolution", "aten::native_batch_norm"):
        assert few[name] < many[name] / 3


class _Calls(OperationMode):  # type: ignore[no-untyped-call] # torch has no types here
    """Counts operations other than views, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        schema = schema_of(func)
        if not any(a.alias_info and not a.alias_info.is_write for a in schema.arguments):
            self.calls[schema.name] = self.calls.get(schema.name, 0) + 1
        return func(*args, **(kwargs or {}))


def test_pretraining_takes_it_on_a_processor() -> None:
    """On CUDA, where it was not measured, pretraining is ordinary."""
    assert offline_engine(torch.device("cpu")) is merged
    assert offline_engine(torch.device("cuda")) is ordinary


def assert_same(net: Supernet, batch: Batch, *, drop: float = 0.0) -> None:
    """Hold the gradients and running statistics of a merged pass against those of an ordinary."""
    reference = copy.deepcopy(net)
    engines: list[tuple[Supernet, Engine]] = [(net, merged), (reference, ordinary)]
    for model, engine in engines:
        drawn = None
        if drop:
            generator = torch.Generator().manual_seed(2)
            drawn = draw_drop_path(len(batch.labels), drop, generator, space=net.space)
        engine(model, batch, model.mixing(0.7, drop_path=drawn))
    for (name, found), wanted in zip(net.named_parameters(), reference.parameters(), strict=True):
        assert (found.grad is None) == (wanted.grad is None), name
        if found.grad is not None and wanted.grad is not None:
            assert error(found.grad, wanted.grad) < 1e-10, name
    for (name, moved), statistic in zip(net.named_buffers(), reference.buffers(), strict=True):
        assert error(moved.double(), statistic.double()) < 1e-10, name


def error(found: Tensor, wanted: Tensor) -> float:
    """Return the norm of the difference over the norm, which may be zero up to rounding."""
    return float((found - wanted).norm()) / max(float(wanted.norm()), 1e-4)
