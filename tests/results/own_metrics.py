"""A plugin with a metric that its device reads and one that its method reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch

from harness import hookimpl
from harness.contracts import DeviceMode, SearchBatch, SearchContext, StepMetrics
from harness.devices.profile import DeviceProfile
from harness.metrics import MetricSpec
from harness.space.genotype import Edge, Genotype

NODES = tuple((Edge(0, "conv_3x3"), Edge(1, "skip_connect")) for _ in range(3))


@hookimpl
def harness_register_metrics(register):  # type: ignore[no-untyped-def] # as people write it
    """Declare both metrics: nothing else of the harness is told of them."""
    register(MetricSpec("heat", "K", more_is_better=False, aggregate="largest", digits=1))
    register(MetricSpec("sparsity", "%", more_is_better=True, title="sparsity of w"))


@hookimpl
def harness_register_devices(register):  # type: ignore[no-untyped-def] # likewise
    """Register a device that is this machine, and one that tells too much."""
    register("warm", "own_metrics:Warm")
    register("boaster", "own_metrics:Boaster")


@hookimpl
def harness_register_methods(register):  # type: ignore[no-untyped-def] # likewise
    """Register a linear classifier, and one that reports what nobody has declared."""
    register("sparse", "own_metrics:Sparse")
    register("liar", "own_metrics:Liar")


class Warm:
    """Counts the search steps that it has enclosed as its heat."""

    def __init__(self) -> None:
        self.profile = DeviceProfile(name="warm", model="Warm board", kind="cpu")
        self.steps = 0

    def mode(self) -> DeviceMode:
        return "measured"

    def torch_device(self) -> str:
        return "cpu"

    @contextmanager
    def measuring(self) -> Iterator[None]:
        self.steps += 1
        yield

    def metrics(self) -> Mapping[str, float]:
        return {"heat": 1234.56 + self.steps}


class Boaster(Warm):
    """Tells the search's accuracy."""

    def metrics(self) -> Mapping[str, float]:
        return {"accuracy": 100.0}


class Sparse:
    """A linear classifier."""

    def build(self, context: SearchContext) -> None:
        channels, height, width = context.image_shape
        self.head = torch.nn.Linear(channels * height * width, context.classes)

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        for _ in batches:
            pass
        return {"loss": 1.0, "accuracy": 50.0}

    def architecture(self) -> Genotype:
        return Genotype(normal=NODES, reduction=NODES)

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(images.flatten(1))
        return logits

    def state_dict(self) -> Mapping[str, torch.Tensor]:
        return self.head.state_dict()

    def metrics(self) -> Mapping[str, float]:
        return {"sparsity": 12.5}


class Liar(Sparse):
    """Tells its own accuracy."""

    def metrics(self) -> Mapping[str, float]:
        return {"accuracy": 100.0}
