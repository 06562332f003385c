"""Whole passes through networks of the search space, as search steps make them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from harness.contracts import Batch
from harness.cost_model.calibrate.timing import Step, Work
from harness.runtime.determinism import is_worth_threads
from harness.search.optimizers import ArchitectureOptimizer, WeightOptimizer
from harness.space.backpropagation import Engine, ordinary
from harness.space.discrete import DiscreteNetwork
from harness.space.genotype import Genotype, derive_genotype
from harness.space.spec import CELL_KINDS, NODES, OPERATIONS, edge_count
from harness.space.step_by_step import step_by_step
from harness.space.supernet import Supernet

__all__ = ["NETWORKS", "PASSES", "Network", "NetworkKind", "network_work", "network_works"]

NetworkKind = Literal["supernet", "step-by-step", "discrete"]
Passes = Literal["forward", "gradients", "update"]
PASSES: tuple[Passes, ...] = get_args(Passes)

CLASSES = 5
COLOURS = 3
LEARNING_RATE = 0.01
DECAY = 1e-3

ENGINES: dict[NetworkKind, Engine] = {"supernet": ordinary, "step-by-step": step_by_step}


@dataclass(frozen=True)
class Network:
    """A network, and the batch that it sees.

    Attributes:
        kind: a supernet, with the engine that computes its gradients, or a discrete network.
        channels: C.
        side: height and width of the images.
        images: how many there are in a batch.
    """

    kind: NetworkKind
    channels: int
    side: int
    images: int

    def __str__(self) -> str:
        """Return its name."""
        return f"{self.kind}, C = {self.channels}, {self.images} x {self.side}x{self.side}"

    @property
    def parallel(self) -> bool:
        """Whether a trial would compute this with several threads."""
        return is_worth_threads(self.images, (COLOURS, self.side, self.side), self.channels)


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


def network_works(networks: Iterable[Network] = NETWORKS) -> Iterator[Work]:
    """Yield all passes through each network."""
    for network in networks:
        for passes in PASSES:
            yield network_work(network, passes)


def network_work(network: Network, passes: Passes) -> Work:
    """Return one pass forward, one forward and back, or one with the update of all parameters."""
    prepare = _prepare_discrete if network.kind == "discrete" else _prepare_supernet
    return Work(
        name=f"{network}: {passes}",
        prepare=partial(prepare, network, passes),
        parallel=network.parallel,
        group=str(network),
    )


def _prepare_supernet(network: Network, passes: Passes, device: torch.device) -> Step:
    net = Supernet(COLOURS, CLASSES, network.channels).to(device)
    batch, engine = _batch(network, device), ENGINES[network.kind]
    weights = WeightOptimizer(net.weight_parameters(), LEARNING_RATE)
    architecture = ArchitectureOptimizer(net.architecture_parameters(), LEARNING_RATE, DECAY)

    def forward() -> object:
        return net(batch.images, net.mixing())

    def gradients() -> object:
        weights.zero_grad()
        architecture.zero_grad()
        return engine(net, batch, net.mixing())

    def update() -> object:
        outcome = gradients()
        weights.step()
        architecture.step()
        return outcome

    return {"forward": torch.no_grad()(forward), "gradients": gradients, "update": update}[passes]


def _prepare_discrete(network: Network, passes: Passes, device: torch.device) -> Step:
    genotype = _genotype(network.channels * network.side * network.images)
    net: nn.Module = DiscreteNetwork(genotype, COLOURS, CLASSES, network.channels).to(device)
    batch = _batch(network, device)
    weights = WeightOptimizer(net.parameters(), LEARNING_RATE)

    def forward() -> object:
        return net(batch.images)

    def gradients() -> object:
        weights.zero_grad()
        torch.autograd.backward(cross_entropy(net(batch.images), batch.labels))
        return None

    def update() -> object:
        gradients()
        weights.step()
        return None

    return {"forward": torch.no_grad()(forward), "gradients": gradients, "update": update}[passes]


def _genotype(seed: int) -> Genotype:
    """Draw a discrete architecture: the same whether it is timed or counted."""
    generator = torch.Generator().manual_seed(seed)

    def alpha(node: int) -> list[list[float]]:
        drawn: list[list[float]] = torch.rand(
            edge_count(node), len(OPERATIONS), generator=generator
        ).tolist()
        return drawn

    return derive_genotype({kind: [alpha(n) for n in range(NODES)] for kind in CELL_KINDS})


def _batch(network: Network, device: torch.device) -> Batch:
    shape = (network.images, COLOURS, network.side, network.side)
    labels = torch.arange(network.images, device=device) % CLASSES
    return Batch(torch.randn(shape, device=device), labels)
