"""The network of a discrete architecture is an ordinary module that learns."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import cross_entropy

from harness.contracts import Batch
from harness.space.genotype import Edge, Genotype
from harness.space.supernet import DiscreteNetwork, Supernet

NODES = (
    (Edge(0, "conv_3x3"), Edge(1, "skip_connect")),
    (Edge(1, "max_pool_3x3"), Edge(2, "sep_conv_3x3")),
    (Edge(0, "dil_conv_3x3"), Edge(3, "avg_pool_3x3")),
)
GENOTYPE = Genotype(normal=NODES, reduction=NODES)


def test_it_trains(make_batch: Callable[..., Batch]) -> None:
    """A few ordinary steps reduce the loss, and every parameter gets a gradient."""
    net, batch = DiscreteNetwork(GENOTYPE, 1, 3, 4), make_batch(6, 8)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = cross_entropy(net(batch.images), batch.labels)
        torch.autograd.backward(loss)
        assert all(parameter.grad is not None for parameter in net.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("size", [8, 15, 21])
def test_even_and_odd_sizes(size: int, make_batch: Callable[..., Batch]) -> None:
    """It gives logits for images of even and odd sizes."""
    net = DiscreteNetwork(GENOTYPE, 3, 5, 4)
    assert net(make_batch(2, size, channels=3).images).shape == (2, 5)


def test_it_holds_only_what_was_chosen() -> None:
    """It has far fewer weights than the supernet, and batch norm with affine parameters."""
    discrete, supernet = DiscreteNetwork(GENOTYPE, 1, 3, 8), Supernet(1, 3, 8)
    sizes = [sum(p.numel() for p in net.parameters()) for net in (discrete, supernet)]
    assert sizes[0] < sizes[1] / 2
    assert any(name.endswith("norm.weight") for name, _ in discrete.named_parameters())


def test_a_derived_architecture_can_be_built(make_batch: Callable[..., Batch]) -> None:
    """What a supernet derives can be built as a network."""
    net = DiscreteNetwork(Supernet(1, 3, 4).genotype(), 1, 3, 4)
    assert net(make_batch(2, 8).images).shape == (2, 3)
