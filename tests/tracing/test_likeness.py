"""What passes are told apart by: whatever changes in a network changes its description."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from harness.space.supernet import Supernet
from harness.tracing.likeness import UnlikeError, of_network


def network() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    net.order = [1, 2]  # type: ignore[assignment] # torch says that an attribute is a module
    return net


def turn_to_evaluation(net: nn.Module) -> None:
    net.eval()


def freeze_a_weight(net: nn.Module) -> None:
    next(net.parameters()).requires_grad_(False)


def give_a_gradient(net: nn.Module) -> None:
    parameter = next(net.parameters())
    parameter.grad = torch.zeros_like(parameter)


def change_a_number(net: nn.Module) -> None:
    next(net.children()).groups = 2  # type: ignore[assignment] # the same


def change_a_list_where_it_is(net: nn.Module) -> None:
    net.order.reverse()  # type: ignore[operator, union-attr] # the same


def add_a_module(net: nn.Module) -> None:
    net.add_module("more", nn.Identity())


def replace_a_module(net: nn.Module) -> None:
    net.register_module("0", nn.Conv2d(1, 2, 1))


def replace_the_parameters(net: nn.Module) -> None:
    child = next(net.children())
    child._parameters = {**child._parameters, "bias": None}


def change_an_attribute_of_the_top(net: nn.Module) -> None:
    net.more = (1, "two")  # type: ignore[assignment] # the same


def drop_a_buffer(net: nn.Module) -> None:
    list(net.children())[1].register_buffer("running_mean", None)


@pytest.mark.parametrize(
    "change",
    [
        turn_to_evaluation,
        freeze_a_weight,
        give_a_gradient,
        change_a_number,
        change_a_list_where_it_is,
        add_a_module,
        replace_a_module,
        drop_a_buffer,
        replace_the_parameters,
        change_an_attribute_of_the_top,
    ],
)
def test_a_change_after_the_first_look_is_seen(change: Callable[[nn.Module], None]) -> None:
    """A network is described anew where it has changed since it was described last."""
    net = network()
    before = of_network(net)
    assert of_network(net) == before == of_network(network())
    change(net)
    assert of_network(net) != before


def test_a_hook_has_no_description() -> None:
    """A hook may do anything, so that what has one is traced each time, however late it came."""
    net = network()
    of_network(net)
    net.register_forward_hook(lambda *_: None)
    with pytest.raises(UnlikeError):
        of_network(net)


def test_networks_made_alike_are_described_alike() -> None:
    """Two supernets of one shape have one description, and those of another width another."""
    with torch.device("meta"):
        first, second, wider = Supernet(1, 5, 4), Supernet(1, 5, 4), Supernet(1, 5, 8)
    assert of_network(first) == of_network(second)
    assert of_network(first) != of_network(wider)
