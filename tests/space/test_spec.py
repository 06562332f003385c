"""Search spaces: what they hold, how they are named, and that keys tell them apart."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
import torch

from harness.errors import UnknownNameError, UsageError
from harness.experiment.trial import SpaceIdentity
from harness.plugins.loading import load_plugins
from harness.plugins.spaces import find_space, planned_space
from harness.space.cell import Cell
from harness.space.operations import build_operation
from harness.space.spec import DARTS_OPERATIONS, METANAS, SPACES
from harness.space.supernet import Supernet


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", DARTS_OPERATIONS)
def test_every_operation_of_darts_keeps_shapes(name: str, stride: int) -> None:
    """From (N, C, H, W) to the same, or half of that height and width, also at odd sizes."""
    operation = build_operation(name, 4, stride)
    assert operation(torch.randn(2, 4, 9, 9)).shape == (2, 4, *[-(-9 // stride)] * 2)


def test_none_gives_zeros_and_no_gradient() -> None:
    """`none` is an edge that is not there."""
    images = torch.randn(2, 3, 4, 4, requires_grad=True)
    output = build_operation("none", 3, 2)(images)
    output.sum().backward()
    assert not output.any()
    assert images.grad is not None
    assert not images.grad.any()


def test_a_supernet_has_its_spaces_operations() -> None:
    """α has a column for each operation, and an architecture never has `none`."""
    space = SPACES["darts-operations"]
    net = Supernet(1, 3, 4, space=space)
    assert net.architecture_parameters()[0].shape == (2, 8)
    assert len(cast(Cell, net.cells[0]).operations(0)[0]) == len(DARTS_OPERATIONS)
    with torch.no_grad():
        for parameter in net.alpha.parameters():
            parameter[:, 0] = 10.0  # `none` would win everywhere
    operations = {edge.operation for node in net.genotype().normal for edge in node}
    assert "none" not in operations
    loss = net(torch.randn(2, 1, 8, 8), net.mixing()).sum()
    loss.backward()


def test_a_space_is_found_by_its_name() -> None:
    """An unknown name has the nearest one in its message."""
    plugins = load_plugins()
    assert find_space(plugins, "metanas") is METANAS
    with pytest.raises(UnknownNameError, match="metanas"):
        find_space(plugins, "metanes")


def test_an_operation_more_is_another_identity() -> None:
    """A space that has changed is another in every key, whatever its name."""
    identity, plugins = SpaceIdentity.of(METANAS), load_plugins()
    assert planned_space(plugins, identity) is METANAS
    grown = SpaceIdentity.of(replace(METANAS, operations=(*METANAS.operations, "none")))
    assert grown != identity
    with pytest.raises(UsageError, match="has changed"):
        planned_space(plugins, grown)
    assert len({SpaceIdentity.of(space).model_dump_json() for space in SPACES.values()}) == 2
