"""The memory counter: what is alive, and when it is not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.measure.memory import BLOCK_BYTES, EmulatedOutOfMemoryError, MemoryCounter


def floats(count: int) -> int:
    """Bytes of `count` float32, rounded up to blocks."""
    return -(-4 * count // BLOCK_BYTES) * BLOCK_BYTES


def test_a_storage_counts_from_birth_to_death() -> None:
    """A tensor counts until the last reference to its storage is gone."""
    with MemoryCounter() as counter:
        tensor = torch.zeros(1000)
        assert counter.live_bytes == floats(1000)
        del tensor
        assert counter.live_bytes == 0
    assert counter.peak_bytes == floats(1000)


def test_sizes_are_rounded_up_to_512_bytes() -> None:
    """A single float takes a whole block."""
    with MemoryCounter() as counter:
        kept = torch.ones(1)
        assert counter.live_bytes == BLOCK_BYTES
    del kept


def test_views_and_in_place_operations_add_nothing() -> None:
    """Views share their storage, and keep it alive."""
    with MemoryCounter() as counter:
        tensor = torch.zeros(10, 10)
        view = tensor.t().reshape(10, 10)[2:]
        tensor.add_(1)
        shared = tensor[3]
        before = counter.live_bytes
        del tensor, view
        assert 0 < counter.live_bytes <= before
        del shared
        assert counter.live_bytes == 0


def test_backward_is_counted_by_hand() -> None:
    """Weights, saved activations and gradients of one layer add up to the peak."""
    with MemoryCounter() as counter:
        layer = nn.Linear(256, 128, bias=False)
        images = torch.ones(4, 256)
        counter.reset_peak()
        loss = layer(images).relu().sum()
        held = floats(256 * 128) + floats(4 * 256)
        # The linear layer's output is saved by nobody: relu saves its own result.
        assert counter.live_bytes == held + floats(4 * 128) + BLOCK_BYTES
        torch.autograd.backward([loss])
        assert counter.live_bytes == held + BLOCK_BYTES + floats(256 * 128)
    # At the peak: the gradient of relu's input, the loss and its own gradient, the new gradient.
    assert counter.peak_bytes == held + floats(4 * 128) + 2 * BLOCK_BYTES + floats(256 * 128)


def test_optimizer_state_is_counted() -> None:
    """Adam's two moments are as large as the weights."""
    with MemoryCounter() as counter:
        weights = nn.Parameter(torch.ones(1024))
        optimizer = torch.optim.Adam([weights])
        torch.autograd.backward([weights.sum()])
        before = counter.live_bytes
        optimizer.step()
        # Adam also keeps its step count, one block.
        assert counter.live_bytes == before + 2 * floats(1024) + BLOCK_BYTES


def test_foreign_tensors_count_once_they_are_watched() -> None:
    """What no operation made is counted when it is shown, and until it dies."""
    batch = torch.ones(300)
    with MemoryCounter() as counter:
        counter.watch([batch, (batch, "not a tensor")])
        assert counter.live_bytes == floats(300)
        del batch
        assert counter.live_bytes == 0


def test_the_limit_refuses_what_does_not_fit() -> None:
    """Above the limit torch's own out-of-memory error is raised, and the peak stays below."""
    with MemoryCounter(limit_bytes=floats(1000)) as counter:
        kept = torch.zeros(900)
        with pytest.raises(torch.OutOfMemoryError, match="limit is") as caught:
            torch.zeros(500)
        assert isinstance(caught.value, EmulatedOutOfMemoryError)
        assert caught.value.needed_bytes == floats(900) + floats(500)
        del caught
        assert counter.live_bytes == floats(900)
        assert counter.peak_bytes == floats(900)
        assert counter.refused_bytes == floats(900) + floats(500)
    del kept


def test_other_devices_are_not_counted() -> None:
    """A counter for one kind of device leaves tensors elsewhere alone."""
    with MemoryCounter("meta") as counter:
        here = torch.zeros(1000)
        there = torch.zeros(1000, device="meta")
        assert counter.live_bytes == floats(1000)
    del here, there


def test_nothing_is_counted_outside() -> None:
    """Once left, the counter sees no new storages, but still sees known ones die."""
    with MemoryCounter() as counter:
        inside = torch.zeros(100)
    outside = torch.zeros(100)
    assert counter.live_bytes == floats(100)
    del inside
    assert counter.live_bytes == 0
    del outside


def test_a_resized_storage_counts_its_new_size() -> None:
    """Resizing in place replaces the old size by the new."""
    with MemoryCounter() as counter:
        tensor = torch.zeros(1000)
        tensor.resize_(4000)
        assert counter.live_bytes == floats(4000)
        del tensor
        assert counter.live_bytes == 0
