"""Controls with a fixed architecture, which show what a search is worth.

All start from pretraining, in which all of w learns. On the device, the architecture is kept or
drawn at random, and all of w learns, or a part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

from harness.contracts import Batch, SearchBatch, SearchContext, StepMetrics
from harness.errors import UsageError
from harness.search.parameters import EngineParameters, SearchParameters
from harness.search.supernet_method import OBSERVED_BATCHES
from harness.space.batch_norm import BatchNorm
from harness.space.supernet import Supernet
from harness_baselines.darts import FirstOrderMethod
from harness_baselines.parameters import (
    BiasOnlyParameters,
    LastLayerParameters,
    RandomAlphaParameters,
    SparseUpdateParameters,
    WeightsOnlyParameters,
)

__all__ = ["BiasOnly", "LastLayer", "RandomAlpha", "SparseUpdate", "WeightsOnly"]


class WeightsOnly(FirstOrderMethod):
    """Keeps the initial architecture: α and β stay as they are, at temperature 1; w adapts.

    It trains w exactly as the other methods do, as often and on the same batches, in the same
    space as On-NAS and MetaNAS.
    """

    def __init__(self, parameters: WeightsOnlyParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        given = parameters or WeightsOnlyParameters()
        engine = set(EngineParameters.model_fields)
        super().__init__(SearchParameters(**given.model_dump(exclude=engine)), given)

    def build(self, context: SearchContext) -> None:
        """Build the supernet; no gradient of α and β is ever computed."""
        super().build(context)
        for parameter in self.net.architecture_parameters():
            parameter.requires_grad_(False)

    def update_architecture(self, batch: Batch) -> None:
        """Do nothing: the architecture is kept."""


class RandomAlpha(WeightsOnly):
    """Draws α and β at random on pretrained weights, and keeps them; w adapts as in any method.

    `random` has no pretraining, so that in few-shot search it shows what pretraining is worth. This
    control has the pretraining of weights-only, and no search.
    """

    def __init__(self, parameters: RandomAlphaParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        given = parameters or RandomAlphaParameters()
        self.spread = given.spread
        super().__init__(WeightsOnlyParameters(**given.model_dump(exclude={"spread"})))

    def build(self, context: SearchContext) -> None:
        """Build the supernet, and for a search draw its architecture from the task's generator."""
        super().build(context)
        if context.pretraining:
            return
        for parameter in self.net.architecture_parameters():
            drawn = torch.randn(parameter.shape, generator=context.generator)
            parameter.copy_(self.spread * drawn)


class PartOfWeights(WeightsOnly):
    """On the device, only the part of w that a subclass names learns."""

    def learns(self, name: str) -> bool:
        """Tell whether a parameter of w learns on the device."""
        raise NotImplementedError

    def build(self, context: SearchContext) -> None:
        """Build the network; offline all of it learns."""
        super().build(context)
        if context.pretraining:
            return
        kept = {id(each) for each in self.net.architecture_parameters()}
        for name, parameter in self.net.named_parameters():
            if id(parameter) not in kept:
                parameter.requires_grad_(self.learns(name))


class LastLayer(PartOfWeights):
    """Trains the classifier alone, so that no activation of the layers before has to stay alive."""

    def __init__(self, parameters: LastLayerParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        super().__init__(parameters or LastLayerParameters())

    def learns(self, name: str) -> bool:
        """Tell whether the parameter is the head's."""
        return name.startswith("head.")


class BiasOnly(PartOfWeights):
    """Trains biases and the classifier (TinyTL's rule: Cai et al., 2020, section 3.1).

    The gradient of a bias needs no activations, if all else in its layer is fixed. So the
    statistics of batch norm are fixed as well, after the first search step's images, and each norm
    gets a bias, which the shared space lacks during search: a shift of each channel, which starts
    at 0. Only what ReLUs, poolings and torch's convolutions keep still lives until the backward
    pass.
    """

    def __init__(self, parameters: BiasOnlyParameters | None = None) -> None:
        """Take the parameters, or their defaults.

        Raises:
            UsageError: the engine is one that computes batch norm itself, and knows no biases.
        """
        given = parameters or BiasOnlyParameters()
        if given.engine != "ordinary":
            raise UsageError(
                f"bias-only cannot have engine={given.engine}, which knows no biases of batch "
                "norm; it has engine=ordinary"
            )
        super().__init__(given)

    def create_network(self, context: SearchContext) -> Supernet:
        """Return the supernet, its batch norms with biases."""
        net = super().create_network(context)
        for part in list(net.modules()):
            for name, child in list(part.named_children()):
                if isinstance(child, BatchNorm):
                    setattr(part, name, BiasedNorm(len(child.running_mean)))
        return net

    def learns(self, name: str) -> bool:
        """Tell whether the parameter is a bias, or the head's."""
        return name.endswith(".bias") or name.startswith("head.")

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Fix the statistics before the first step; then learn as in any step."""
        rest = iter(batches)
        first = list(islice(rest, OBSERVED_BATCHES)) if self.step < 0 else []
        if first:
            self.net.train()
            self._observe_first(first)
        return super().search_step(chain(first, rest))

    def _observe_first(self, batches: Sequence[SearchBatch]) -> None:
        super()._observe(batch.weights for batch in batches)
        for norm in self.net.modules():
            if isinstance(norm, BiasedNorm):
                norm.is_fixed = True

    def _observe(self, batches: Iterable[Batch]) -> None:
        """Leave the statistics as they are."""


class SparseUpdate(BiasOnly):
    """Trains a part of the last layers (sparse update: Lin et al., NeurIPS 2022).

    The classifier learns and, in the last cells, biases and those weights of pointwise convolutions
    that read the first channels: only these channels are kept for the backward pass, which stops
    below the last cells. Departure: the paper chooses layers and channels by a search on how much
    each contributes; here a person gives the number of cells and the share of channels.
    """

    def __init__(self, parameters: SparseUpdateParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = given = parameters or SparseUpdateParameters()
        named = {"cells", "share"}
        super().__init__(BiasOnlyParameters(**given.model_dump(exclude=named)))

    def create_network(self, context: SearchContext) -> Supernet:
        """Return the supernet with norms that have biases, and convolutions that learn in part."""
        net = super().create_network(context)
        self._names = self._learning(net)
        if not context.pretraining:
            parts = dict(net.named_modules())
            for name in self._names:
                owner, _, last = name.removesuffix(".weight").rpartition(".")
                whole = cast(nn.Conv2d, getattr(parts[owner], last))
                setattr(parts[owner], last, PartlyLearning(whole, self.parameters.share))
        return net

    def learns(self, name: str) -> bool:
        """Tell whether it is a bias or chosen weight of the last cells, or the head's."""
        if name.startswith("head.") or name in self._names:
            return True
        return name.endswith(".bias") and name.startswith(self._last_cells(self.net))

    def _last_cells(self, net: Supernet) -> tuple[str, ...]:
        count = len(net.cells)
        return tuple(f"cells.{n}." for n in range(count)[-self.parameters.cells :])

    def _learning(self, net: Supernet) -> set[str]:
        """Name the weights of pointwise convolutions of operations in the last cells."""
        inside = tuple(f"{cell}nodes." for cell in self._last_cells(net))
        return {
            f"{name}.weight"
            for name, part in net.named_modules()
            if isinstance(part, nn.Conv2d)
            and name.startswith(inside)
            and part.kernel_size == (1, 1)
            and part.stride == (1, 1)
        }


class PartlyLearning(nn.Module):
    """A pointwise convolution of which the weights of the first input channels learn."""

    def __init__(self, whole: nn.Conv2d, share: float) -> None:
        """Take over the weight of a convolution without bias."""
        super().__init__()
        self.weight, self.learning = whole.weight, max(1, round(share * whole.in_channels))

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, C', H, W) for (N, C, H, W)."""
        return cast(Tensor, _PartOfWeight.apply(images, self.weight, self.learning))


class _PartOfWeight(torch.autograd.Function):
    """Keeps for the backward pass only the channels whose weights learn."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, learning: int) -> Tensor:
        ctx.learning = learning
        ctx.save_for_backward(images[:, :learning].clone(), weight)
        return functional.conv2d(images, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        read, weight = ctx.saved_tensors
        of_images, of_weight = None, None
        if ctx.needs_input_grad[0]:
            of_images = functional.conv2d(gradient, weight.transpose(0, 1))
        if ctx.needs_input_grad[1]:
            learning = weight[:, : ctx.learning]
            part = conv2d_weight(read, learning.shape, gradient)  # type: ignore[no-untyped-call]
            of_weight = functional.pad(part, (0, 0, 0, 0, 0, weight.shape[1] - ctx.learning))
        return of_images, of_weight, None


class BiasedNorm(BatchNorm):
    """Batch norm with a bias; once it is fixed, a scale and a shift of each channel."""

    def __init__(self, channels: int) -> None:
        """Build it for (N, `channels`, H, W)."""
        super().__init__(channels)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.is_fixed = False

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, C, H, W)."""
        if not self.is_fixed or self.bias is None:
            return super().forward(images)
        scale = (self.running_var + self.epsilon).rsqrt()
        shift = self.bias - self.running_mean * scale
        # In this order nothing of the images' size is kept for a backward pass.
        return torch.addcmul(shift[:, None, None], images, scale[:, None, None])
