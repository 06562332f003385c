"""The work that is timed to fit a cost model: single operations by class of kernel, whole passes.

Shapes and passes are those of search steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness.contracts import Batch
from harness.cost_model.calibrate.timing import Step, Work
from harness.cost_model.profile import KernelClass
from harness.runtime.determinism import is_worth_threads
from harness.search.optimizers import ArchitectureOptimizer, WeightOptimizer
from harness.space.backpropagation import Engine, ordinary
from harness.space.genotype import Genotype, derive_genotype
from harness.space.spec import CELL_KINDS, NODES, OPERATIONS, edge_count
from harness.space.step_by_step import step_by_step
from harness.space.supernet import DiscreteNetwork, Supernet

__all__ = [
    "LAYERS",
    "NETWORKS",
    "PASSES",
    "Network",
    "NetworkKind",
    "Shape",
    "layer_work",
    "network_work",
    "network_works",
    "operation_works",
    "optimizer_work",
]

REPEATS = 4  # of each layer, so that the work around them counts for little
WEIGHTS = 100  # tensors that an optimizer updates
LEARNING_RATE = 0.01

OPTIMIZER_CHANNELS = (8, 28, 84)
NetworkKind = Literal["supernet", "step-by-step", "discrete"]
Passes = Literal["forward", "gradients", "update"]
PASSES: tuple[Passes, ...] = get_args(Passes)
CLASSES = 5
COLOURS = 3
DECAY = 1e-3
ENGINES: dict[NetworkKind, Engine] = {"supernet": ordinary, "step-by-step": step_by_step}


class Shape(NamedTuple):
    """What goes into a layer, and comes out of it: (images, channels, side, side)."""

    images: int
    channels: int
    side: int


class _Weighed(nn.Module):
    """Adds to a sum, as each operation of an edge is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return torch.addcmul(images, images, self.weight)


def _convolution(
    channels: int, kernel: int | tuple[int, int], dilation: int = 1, groups: int = 1
) -> nn.Module:
    return nn.Conv2d(
        channels, channels, kernel, padding="same", dilation=dilation, groups=groups, bias=False
    )


LAYERS: dict[KernelClass, Callable[[int], Sequence[nn.Module]]] = {
    "dense": lambda c: [_convolution(c, (1, 5)), _convolution(c, (5, 1))],
    "depthwise": lambda c: [_convolution(c, 3, groups=c), _convolution(c, 3, 2, groups=c)],
    "pointwise": lambda c: [_convolution(c, 1), _convolution(c, 1)],
    "pooling": lambda _: [
        nn.MaxPool2d(3, 1, padding=1),
        nn.AvgPool2d(3, 1, padding=1, count_include_pad=False),
    ],
    "batch_norm": lambda c: [nn.BatchNorm2d(c, affine=False), nn.BatchNorm2d(c, affine=False)],
    "elementwise": lambda _: [nn.ReLU(), _Weighed()],
}
"""For each class two layers that keep the shape of what they are given, by its channels."""


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


def operation_works() -> Iterator[Work]:
    """Yield single operations: on each shape a few layers of each class, and updates."""
    for shape in SHAPES:
        for kind in LAYERS:
            yield layer_work(kind, shape, back=False)
            yield layer_work(kind, shape, back=True)
    yield from map(optimizer_work, OPTIMIZER_CHANNELS)


def layer_work(kind: KernelClass, shape: Shape, *, back: bool) -> Work:
    """Return a few layers of a class: forward alone, or forward and back."""
    images, channels, side = shape
    passes = "forward and back" if back else "forward"
    name = f"{kind}, {images} x {channels} x {side}x{side}, {passes}"
    return Work(name, partial(_prepare_layers, LAYERS[kind], shape, back), parallel=False)


def optimizer_work(channels: int) -> Work:
    """Return one update of 3x3 convolutions of so many channels."""
    return Work(f"optimizer, C = {channels}", partial(_prepare_update, channels), parallel=False)


def _prepare_layers(
    layers: Callable[[int], Sequence[nn.Module]], shape: Shape, back: bool, device: torch.device
) -> Step:
    images, channels, side = shape
    net = nn.Sequential(*(each for _ in range(REPEATS) for each in layers(channels))).to(device)
    x = torch.randn(images, channels, side, side, device=device).requires_grad_(back)
    ones = torch.ones_like(x)

    def forward() -> object:
        return net(x)

    def gradients() -> None:
        x.grad = None
        net.zero_grad()
        torch.autograd.backward(net(x), ones)

    return gradients if back else torch.no_grad()(forward)


def _prepare_update(channels: int, device: torch.device) -> Step:
    shape = (channels, channels, 3, 3)
    weights = [nn.Parameter(torch.randn(shape, device=device)) for _ in range(WEIGHTS)]
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    return WeightOptimizer(weights, LEARNING_RATE).step


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
