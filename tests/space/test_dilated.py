"""The dilated depthwise convolution is torch's, with gradients that are computed otherwise."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from harness.space.operations import DilatedDepthwise


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(6, 8), (7, 5), (1, 2)])
def test_it_is_a_convolution_of_dilation_2(stride: int, size: tuple[int, int]) -> None:
    """Values and both gradients are those of `conv2d`, at even and odd sizes."""
    convolution = DilatedDepthwise(3, stride).double()
    weight = convolution.weight.detach().clone().requires_grad_()
    images = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    same = images.detach().clone().requires_grad_()
    found = convolution(images)
    expected = functional.conv2d(same, weight, stride=stride, padding=2, dilation=2, groups=3)
    gradient = torch.randn_like(expected)
    torch.autograd.backward([found, expected], [gradient, gradient])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(images.grad, same.grad)
    torch.testing.assert_close(convolution.weight.grad, weight.grad)


def test_only_what_is_asked_for_is_computed() -> None:
    """With weights held still there is no gradient of them, and the images get theirs."""
    convolution = DilatedDepthwise(2, 1)
    convolution.weight.requires_grad_(False)
    images = torch.randn(1, 2, 5, 5, requires_grad=True)
    torch.autograd.backward(convolution(images).sum())
    assert convolution.weight.grad is None
    assert images.grad is not None
