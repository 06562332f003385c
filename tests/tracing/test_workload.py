"""Networks that are copied rather than built, and batches whose images are known again."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from harness.contracts import SearchContext
from harness.experiment.budget import Budget
from harness.measure.memory import MemoryCounter
from harness.space.spec import METANAS, SearchSpace
from harness.space.supernet import Supernet
from harness.tracing import workload
from harness.tracing.fake_values import FakeValues
from harness.tracing.likeness import of_network
from harness.tracing.shapes import ShapeMode
from harness.tracing.workload import ShapedBatches, Workload, copied_edges

CHANNELS = 4


class Drawn(nn.Module):
    """An operation with a list, which a copy would share."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = [1]


class ListedSpace(SearchSpace):
    """A space of such operations."""

    def build_operation(self, *_: object, **__: object) -> nn.Module:
        return Drawn()


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> MemoryCounter:
    monkeypatch.setattr(workload, "_edges", {})
    return MemoryCounter("meta", "cpu")


def test_a_copied_network_is_described_and_counted_as_one_that_is_built(
    counter: MemoryCounter,
) -> None:
    """Same modules, attributes, shapes and bytes; the first one and the second."""
    with ShapeMode(FakeValues(torch.Generator()), counter):
        built = Supernet(1, 3, CHANNELS).to("meta")
        taken = [counter.live_bytes]
        with copied_edges(counter):
            copies = [Supernet(1, 3, CHANNELS).to("meta") for _ in range(2)]
            taken.append(counter.live_bytes)
    assert [of_network(each) for each in copies] == [of_network(built)] * 2
    assert taken[1] == 3 * taken[0]


def test_copies_share_nothing(counter: MemoryCounter) -> None:
    """What is done to one network happens to no other, and to none that is made later."""
    with ShapeMode(FakeValues(torch.Generator()), counter), copied_edges(counter):
        first, second = (Supernet(1, 3, CHANNELS) for _ in range(2))
        tensors = [*first.parameters(), *first.buffers()]
        others = {id(each) for each in (*second.parameters(), *second.buffers())}
        assert others.isdisjoint(map(id, tensors))
        assert len({id(each) for each in tensors}) == len(tensors)
        before = of_network(second)
        first.eval().requires_grad_(False)
        for module in first.modules():
            module.register_forward_hook(lambda *_: None)
        assert of_network(second) == before == of_network(Supernet(1, 3, CHANNELS))


def test_what_may_hold_more_is_built_each_time(counter: MemoryCounter) -> None:
    """An attribute that could be changed in place is no copy's."""
    space = ListedSpace("listed", METANAS.operations)
    with ShapeMode(FakeValues(torch.Generator()), counter), copied_edges(counter):
        nets = [Supernet(1, 3, CHANNELS, space=space) for _ in range(2)]
    lists = [id(part.seen) for net in nets for part in net.modules() if isinstance(part, Drawn)]
    assert len(set(lists)) == len(lists) > 2


def never() -> Any:
    """Make no method, as none is needed."""
    raise NotImplementedError


@pytest.mark.parametrize(("sizes", "known"), [({6: 1}, True), ({6: 2, 3: 1}, False)])
def test_images_are_known_again_where_a_step_has_one_batch(
    sizes: dict[int, int], known: bool, counter: MemoryCounter
) -> None:
    """Their values tell them apart, and are the same in each step; else each reading is noise."""
    generator = torch.Generator().manual_seed(0)
    context = SearchContext((1, 4, 4), 3, CHANNELS, Budget(), 3, torch.device("meta"), generator)
    fake_values = FakeValues(generator)
    with ShapeMode(fake_values, counter):
        batches = ShapedBatches(Workload(never, context, sizes), counter, fake_values)
        (first,), (second,) = (batches.of([6]) for _ in range(2))
        one, other = (each.weights.images.cpu() for each in (first, second))
    assert torch.equal(one, other) is known
    assert len({tuple(image.flatten().tolist()) for image in one}) == 6
