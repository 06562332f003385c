"""The protocols of search spaces, tables of their architectures, black-box searches and scores.

A black-box search knows a space only through strings: it asks for the accuracy of an architecture,
is told it, and asks for the next. The harness counts the evaluations and keeps the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from harness.contracts.datasets import Dataset

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

__all__ = [
    "ArchitectureCost",
    "ArchitectureSpace",
    "ArchitectureTable",
    "BlackBoxSearch",
    "BuildsNetwork",
    "CountsCost",
    "FrontSearch",
    "KnowsLatency",
    "ListsArchitectures",
    "SearchTask",
    "ZeroCostScore",
]


class ArchitectureSpace(Protocol):
    """A space whose architectures are canonical strings; the target takes no parameters.

    An architecture is also a sequence of decisions. Each decision is the number of an option; a
    policy can draw these numbers, and a predictor gets them as one-hot vectors.
    """

    name: str  # as it is registered
    version: int  # counts what changes an operation and not its name
    cells: tuple[str, ...]  # their kinds, from the first to the last
    nodes: int  # intermediate nodes of a cell
    operations: tuple[str, ...]  # that an edge can hold
    has_supernet: bool  # whether methods that train shared weights can search it
    options: tuple[int, ...]  # how many there are for each decision

    def check(self, architecture: str) -> str:
        """Return the canonical form of an architecture.

        Raises:
            UsageError: the text is not an architecture of this space; the message says where.
        """

    def decisions(self, architecture: str) -> tuple[int, ...]:
        """Return the option that each decision takes."""

    def architecture(self, decisions: Sequence[int]) -> str:
        """Return the architecture that decisions describe."""

    def vector(self, architecture: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the one-hot encoding for predictors; its length is the number of all options."""

    def sample(self, random: np.random.Generator) -> str:
        """Draw an architecture; each is equally likely."""

    def mutate(self, architecture: str, random: np.random.Generator) -> str:
        """Change one decision, so that it is another architecture."""

    def neighbours(self, architecture: str) -> Sequence[str]:
        """Return all architectures that differ in one decision, in a fixed order."""

    def cross(self, one: str, other: str, random: np.random.Generator) -> str:
        """Take each decision from one of two architectures."""


class ArchitectureCost(NamedTuple):
    """What the network of an architecture costs, counted from shapes."""

    flops: int  # multiplications and additions of convolutions and linear layers, as one
    parameters: int


@runtime_checkable
class BuildsNetwork(Protocol):
    """Optional for a space: it can build the network of an architecture."""

    def network(
        self, architecture: str, image_shape: tuple[int, int, int], classes: int
    ) -> nn.Module:
        """Return the network, from images to logits, with random weights.

        It has `features(images)`: what its head pools, (N, channels, height, width).
        """


@runtime_checkable
class CountsCost(Protocol):
    """Optional for a space: it can count the cost of an architecture's network."""

    def cost(
        self, architecture: str, image_shape: tuple[int, int, int], classes: int
    ) -> ArchitectureCost:
        """Return the cost for images of a shape (channels, height, width)."""


@runtime_checkable
class ArchitectureTable(Dataset, Protocol):
    """A data set of the kind `tabular`: accuracies that others have measured; it has no images."""

    space: str  # the name of the space whose architectures it has
    classes: int  # of the images that the accuracies are of
    best: float  # the largest accuracy, in percent

    def accuracy(self, architecture: str) -> float:
        """Return the accuracy of an architecture in its canonical form, in percent."""


@runtime_checkable
class KnowsLatency(Protocol):
    """Optional for a table: it knows how long the networks take on devices."""

    devices: Sequence[str]  # whose latencies it was opened with

    def latency(self, architecture: str, device: str | None = None) -> float | None:
        """Return the latency of an architecture in ms, more than 0.

        Without a device, it is that on the table's only device; None if the table has none or
        several.
        """


@runtime_checkable
class ListsArchitectures(Protocol):
    """Optional for a table: it lists its architectures, which limits and fronts need."""

    def architectures(self) -> Sequence[str]:
        """Return all architectures of the table, each once, in a fixed order."""


@dataclass(frozen=True)
class SearchTask:
    """What a black-box search is given before it asks for the first time."""

    space: ArchitectureSpace
    evaluations: int  # how many questions it has
    random: np.random.Generator  # seeded for this trial; the only source of what it draws
    objectives: int = 1  # how many numbers a `FrontSearch` is told


class BlackBoxSearch(Protocol):
    """A search that asks for accuracies; called with its parameters model, or with nothing.

    After `start` the harness alternates `ask` and `tell`. Every evaluation counts, also a repeated
    one; the result of the trial is the best architecture that was asked for.
    """

    def start(self, task: SearchTask) -> None:
        """Begin a search."""

    def ask(self) -> str:
        """Return the architecture to evaluate next."""

    def tell(self, architecture: str, accuracy: float) -> None:
        """Take the accuracy, in percent, of the architecture that was asked for.

        If the objective weighs accuracy against a cost, it is the weighed number; it is 0 for an
        architecture that exceeds a limit.
        """


@runtime_checkable
class FrontSearch(BlackBoxSearch, Protocol):
    """Optional for a search: it can look for a front; `tell_losses` is then called, not `tell`."""

    def tell_losses(self, architecture: str, losses: Sequence[float], excess: float) -> None:
        """Take the objectives of an architecture, all of which are to be small.

        Args:
            architecture: the one that was asked for.
            losses: `SearchTask.objectives` numbers; of several, the first is 100 - accuracy.
            excess: how far its costs exceed their limits: the sum of cost / limit - 1; else 0.
        """


class ZeroCostScore(Protocol):
    """A score of untrained networks: the larger, the better a network is expected to become.

    The target is the function itself, and takes no parameters. It computes on the device of the
    images; what it draws at random comes from torch's global generator, which is seeded.
    """

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> float:
        """Return the score, a number or minus infinity; the network's weights stay what they are.

        Args:
            network: from images to logits, with its initial weights; it has `features`, as
                `BuildsNetwork` says.
            images: (N, channels, height, width), of the split for training.
            labels: (N,), int64.
        """
