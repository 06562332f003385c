"""Strided 1x1 convolutions of few channels, which oneDNN is not trusted with."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from harness.space.cell import copy_strided_pixels
from harness.space.spec import SearchSpace
from harness.space.supernet import Supernet


class StridedPointwise(SearchSpace):
    """Every operation is a 1x1 convolution, strided in reduction cells."""

    def build_operation(
        self, name: str, channels: int, stride: int, *, affine: bool = False
    ) -> nn.Module:
        """Build it."""
        return nn.Conv2d(channels, channels, kernel_size=1, stride=stride, bias=affine)


def output_and_gradients(convolution: nn.Module, images: Tensor) -> list[Tensor]:
    """Return the output, then the gradients of the images and of the weights."""
    images = images.clone(memory_format=torch.channels_last).requires_grad_()
    output = convolution(images)
    asked = [images, *convolution.parameters()]
    return [output, *torch.autograd.grad(output.square().mean(), asked)]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [(2, 2), (1, 2)])
def test_a_copying_convolution_is_the_same_function(stride: tuple[int, int], groups: int) -> None:
    """Output and gradients are torch's in double precision, which oneDNN has no part in."""
    convolution = nn.Conv2d(4, 6, 1, stride, groups=groups)
    images = torch.randn(5, 4, 27, 28)
    wanted = output_and_gradients(deepcopy(convolution).double(), images.double())
    network = nn.Sequential(convolution)
    copy_strided_pixels(network)
    found = output_and_gradients(network, images)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-5)


def test_many_channels_are_left_as_they_are() -> None:
    """Only what oneDNN gets wrong is changed; a second call changes nothing."""
    network = nn.Sequential(nn.Conv2d(16, 4, 1, 2), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1, 2))
    copy_strided_pixels(network)
    kinds = [type(part) for part in network]
    assert kinds[:2] == [nn.Conv2d, nn.Conv2d] != kinds[1:]
    copy_strided_pixels(network)
    assert [type(part) for part in network] == kinds


def test_a_supernet_of_such_convolutions_learns() -> None:
    """A space of a stranger's is searched at any width, whatever the processor."""
    net = Supernet(1, 5, 4, space=StridedPointwise("pointwise", ("conv_1x1",)))
    for _ in range(3):
        net(torch.randn(5, 1, 28, 28), net.mixing()).sum().backward()
    assert all(weight.grad is not None for weight in net.weight_parameters())
