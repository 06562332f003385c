"""Values for tensors that have none."""

from __future__ import annotations

import pytest
import torch

from harness.measure.memory import MemoryCounter
from harness.space.spec import OPERATIONS
from harness.tracing.fake_values import FakeValues, kept_bytes
from harness.tracing.shapes import ShapeMode


@pytest.fixture
def shapes() -> ShapeMode:
    return ShapeMode(FakeValues(torch.Generator().manual_seed(0)), MemoryCounter("meta", "cpu"))


def test_values_that_are_read_come_from_the_generator(shapes: ShapeMode) -> None:
    """`item`, `tolist` and `cpu` of a tensor without values give noise, the same for a seed."""
    with shapes:
        alpha = torch.zeros(2, 7, device="meta")
        read = alpha.tolist()
        assert 0 <= alpha.sum().item() < 1
        assert alpha.cpu().shape == (2, 7)
        assert not torch.zeros(3, dtype=torch.int64, device="meta").cpu().any()
    again = torch.rand(2, 7, generator=torch.Generator().manual_seed(0)).tolist()
    assert read == again


def test_what_is_computed_from_alpha_is_read_as_alpha(shapes: ShapeMode) -> None:
    """A tensor that was made element by element of one with values set is read as that one."""
    with shapes:
        alpha = torch.zeros(2, 7, device="meta")
        values = torch.arange(7.0)
        shapes.fake_values.set(alpha, values)
        moved = alpha.detach() - 0.1 * torch.ones_like(alpha)
        assert moved.argmax(dim=-1).shape == (2,)
        assert torch.equal(moved.cpu(), values.expand(2, 7))


def test_reads_leave_no_trace_in_memory(shapes: ShapeMode) -> None:
    """Stand-ins are the estimate's, not the method's: they do not count."""
    with shapes:
        alpha = torch.zeros(2, 7, device="meta")
        before = shapes.counter.live_bytes
        kept = alpha.cpu()
        assert shapes.counter.live_bytes == before
    del kept


def test_reads_are_told(shapes: ShapeMode) -> None:
    """A loss for the log is no choice; more than one value at once may be."""
    with shapes:
        alpha = torch.zeros(2, 7, device="meta")
        alpha.sum().item()
        assert shapes.fake_values.reads == 0
        alpha.tolist()
        assert shapes.fake_values.reads == 1


def test_operations_are_weighed_by_what_they_keep() -> None:
    """At stride 1 a skip connection keeps nothing, and two separable blocks keep most."""
    kept = {operation: kept_bytes(operation, 1) for operation in OPERATIONS}
    assert max(kept, key=lambda name: kept[name]) == "sep_conv_3x3"
    assert min(kept, key=lambda name: kept[name]) == "skip_connect"
    assert kept_bytes("skip_connect", 2) > kept["skip_connect"]
