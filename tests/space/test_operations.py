"""The operations: their shapes, the factorized reduction, and what they have no parameters for."""

from __future__ import annotations

import pytest
import torch

from harness.space.batch_norm import BatchNorm
from harness.space.operations import PointwiseBlock, build_operation, factorized_reduction
from harness.space.spec import OPERATIONS


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("size", [8, 15, 21])
def test_stride_divides_the_size_rounding_up(name: str, size: int) -> None:
    """Every operation keeps the size at stride 1 and halves it, rounding up, at stride 2."""
    images = torch.randn(2, 4, size, size + 1)
    for stride in (1, 2):
        output = build_operation(name, 4, stride)(images)
        assert output.shape == (2, 4, -(-size // stride), -(-(size + 1) // stride))


def test_one_channel_is_enough() -> None:
    """Every operation exists for a single channel."""
    for name in OPERATIONS:
        assert build_operation(name, 1, 2)(torch.randn(2, 1, 5, 5)).shape == (2, 1, 3, 3)


def test_reduction_by_hand() -> None:
    """The first half of the weight reads even pixels, the second half odd ones."""
    images = torch.arange(16.0).reshape(1, 1, 4, 4)
    weight = torch.tensor([2.0, 3.0]).reshape(2, 1, 1, 1)
    first, second = factorized_reduction(images, weight)[0]
    assert first.tolist() == [[0.0, 4.0], [16.0, 20.0]]  # 2 x pixels (0, 0), (0, 2), ...
    assert second.tolist() == [[15.0, 21.0], [39.0, 45.0]]  # 3 x pixels (1, 1), (1, 3), ...


def test_reduction_pads_odd_sizes_at_the_end() -> None:
    """At an odd size the shifted grid ends in zeros at the bottom and right."""
    images = torch.arange(9.0).reshape(1, 1, 3, 3)
    _, second = factorized_reduction(images, torch.ones(2, 1, 1, 1))[0]
    assert second.tolist() == [[4.0, 0.0], [0.0, 0.0]]


def test_halving_changes_no_weight_shape() -> None:
    """A block that halves has weights of the same shapes as one that does not."""
    blocks = [PointwiseBlock(12, 4, halve=halve) for halve in (True, False)]
    shapes = [{n: p.shape for n, p in block.named_parameters()} for block in blocks]
    assert shapes[0] == shapes[1] == {"convolution.weight": (4, 12, 1, 1)}


def test_only_convolutions_have_weights_during_search() -> None:
    """Batch norm has no affine parameters in the search, and convolutions have no bias."""
    for name in OPERATIONS:
        operation = build_operation(name, 4, 2)
        norms = [m for m in operation.modules() if isinstance(m, BatchNorm)]
        assert norms, f"{name} ends without batch norm"
        assert all(norm.weight is None and norm.track_running_stats for norm in norms)
        assert all("bias" not in parameter for parameter, _ in operation.named_parameters())


def test_skip_at_stride_one_is_the_identity() -> None:
    """A skip connection at stride 1 returns its very input."""
    images = torch.randn(1, 4, 3, 3)
    assert build_operation("skip_connect", 4, 1)(images) is images
