"""What is measured of the machine at hand: single operations, then whole networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.cost_model.calibrate.networks import PASSES, Network, network_work
from harness.cost_model.calibrate.operations import LAYERS, Shape, layer_work, optimizer_work
from harness.cost_model.calibrate.work import Work

__all__ = ["NETWORKS", "network_works", "operation_works"]

SHAPES = (
    Shape(1, 8, 7),
    Shape(5, 8, 14),
    Shape(3, 28, 21),
    Shape(15, 28, 14),
    Shape(15, 28, 28),
    Shape(5, 28, 84),
    Shape(5, 84, 42),
)
"""From where launches are all there is to where they are nothing."""

OPTIMIZER_CHANNELS = (8, 28, 84)

NETWORKS = (
    Network("supernet", channels=4, side=14, images=1),
    Network("supernet", channels=8, side=28, images=5),
    Network("supernet", channels=16, side=28, images=10),
    Network("supernet", channels=28, side=28, images=15),
    Network("supernet", channels=12, side=56, images=8),
    Network("supernet", channels=4, side=84, images=5),
    Network("supernet", channels=28, side=84, images=1),
    Network("supernet", channels=28, side=42, images=15),
    Network("supernet", channels=28, side=84, images=3),
    Network("step-by-step", channels=4, side=14, images=3),
    Network("step-by-step", channels=28, side=28, images=3),
    Network("step-by-step", channels=16, side=28, images=15),
    Network("step-by-step", channels=8, side=84, images=3),
    Network("step-by-step", channels=20, side=84, images=5),
    Network("step-by-step", channels=28, side=84, images=3),
    Network("discrete", channels=4, side=14, images=5),
    Network("discrete", channels=16, side=28, images=5),
    Network("discrete", channels=28, side=28, images=15),
    Network("discrete", channels=8, side=84, images=5),
    Network("discrete", channels=20, side=42, images=10),
    Network("discrete", channels=28, side=84, images=5),
    Network("discrete", channels=16, side=84, images=15),
)
"""Each kind, narrow and wide, on small images and large, with few threads and with all."""


def operation_works() -> Iterator[Work]:
    """Give single operations: on each shape a few layers of each class, and updates."""
    for shape in SHAPES:
        for kind in LAYERS:
            yield layer_work(kind, shape, back=False)
            yield layer_work(kind, shape, back=True)
    yield from map(optimizer_work, OPTIMIZER_CHANNELS)


def network_works(networks: Iterable[Network] = NETWORKS) -> Iterator[Work]:
    """Give all passes through each network."""
    for network in networks:
        for passes in PASSES:
            yield network_work(network, passes)
