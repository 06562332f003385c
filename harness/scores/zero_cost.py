"""Zero-cost scores: they predict how good a network will be, from one batch and without training.

Each takes a freshly initialised network, images and their labels; the larger the score, the better
the network is expected to become. It leaves the weights as they were, and computes on their device.
If nothing reaches the head, a score is minus infinity, the worst of all. FLOPs and parameters are
the controls, counted from the network itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from harness.contracts import Dataset
from harness.runtime.determinism import seed_for
from harness.space.batch_norm import BatchNorm
from harness.space.operations import PointwiseBlock

__all__ = [
    "ScoredNetwork",
    "flops",
    "grad_norm",
    "naswot",
    "parameters",
    "snip",
    "synflow",
    "training_batch",
    "zen",
]

WEIGHTED = (nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm2d, BatchNorm)


class ScoredNetwork(Protocol):
    """A module of torch that also tells what its head pools."""

    def features(self, images: Tensor) -> Tensor:
        """Return (N, channels, height, width)."""


def training_batch(dataset: Dataset, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw images of the split for training, and their labels, without replacement."""
    images = dataset.images("train")
    random = np.random.default_rng(seed_for(seed, "images"))
    pixels, labels = images.batch(random.choice(len(images), count, replace=False))
    return torch.from_numpy(pixels), torch.from_numpy(labels)


def grad_norm(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Sum the Euclidean norms of the loss's gradients of all layers (Abdelfattah et al., 2021)."""
    return sum(float(gradient.norm()) for _, gradient in _gradients(network, images, labels))


def snip(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Sum |weight x gradient| over all weights (Lee et al., 2019, as a score of networks)."""
    found = _gradients(network, images, labels)
    return sum(float((weight.detach() * gradient).abs().sum()) for weight, gradient in found)


def synflow(network: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001
    """Sum weight x gradient of the summed output, weights made positive (Tanaka et al., 2020).

    The image is of ones, and no labels are used. Batch norm is left out: a fresh one in evaluation
    mode changes nothing but by its epsilon. In double precision, since products over layers grow.
    """
    network = deepcopy(network).double().eval()
    weights = _weights(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    ones = torch.ones(1, *images.shape[1:], dtype=torch.float64, device=images.device)
    output = network(ones).sum()
    gradients = torch.autograd.grad(output, weights, allow_unused=True)
    pairs = zip(weights, gradients, strict=True)
    flow = sum(float((w.detach() * g).sum()) for w, g in pairs if g is not None)
    return flow if math.isfinite(flow) else math.inf


def naswot(network: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001
    """Return log |det K| of how alike images' patterns of ReLUs are (Mellor et al., 2021).

    K_ij counts the units that are on for both images i and j, or off for both. The ReLU that a 1x1
    block of the shared space begins with is no module of its own, and is one of them.
    """
    count = len(images)
    kernel = torch.zeros(count, count, dtype=torch.float64, device=images.device)

    def add(values: Tensor) -> None:
        on = (values > 0).reshape(count, -1).double()
        kernel.add_(on @ on.T + (1 - on) @ (1 - on).T)

    within = _hooked(network, PointwiseBlock, lambda _, inputs: add(inputs[0]), before=True)
    with within, _hooked(network, nn.ReLU, lambda *told: add(told[2])), torch.no_grad():
        network(images)
    sign, logarithm = torch.linalg.slogdet(kernel)
    return float(logarithm) if float(sign) else -math.inf


def zen(network: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001
    """Return the Zen-score (Lin et al., 2021): how much noise in noise changes the features.

    It is log E||f(x) - f(x + 0.01 e)|| of what is pooled, with what batch norms divide by given
    back: the logarithm of the root of each one's mean variance. All weights are drawn anew from
    N(0, 1), as its algorithm 1 has it. A batch norm that nothing reaches divides nothing, and is
    left out. Shortcuts stay, which are part of the space here.
    """
    variances: list[float] = []

    def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        variances.append(float(inputs[0].var(dim=(0, 2, 3), unbiased=False).mean()))

    generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))

    def drawn(shape: torch.Size) -> Tensor:
        return torch.randn(shape, generator=generator).to(images.device)

    scored: Any = deepcopy(network).train()  # a ScoredNetwork
    with torch.no_grad():
        for weight in _weights(scored):
            weight.copy_(drawn(weight.shape))
    one, other = drawn(images.shape), drawn(images.shape)
    with torch.no_grad():
        with _hooked(scored, NORMS, note, before=True):
            features = scored.features(one)
        moved = scored.features(one + 0.01 * other)
    change = float((features - moved).flatten(1).norm(dim=1).mean())
    if not change > 0:
        return -math.inf
    return math.log(change) + sum(0.5 * math.log(each) for each in variances if each > 0)


def parameters(network: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001
    """Count the parameters, a control: images and labels are not looked at."""
    return float(sum(each.numel() for each in network.parameters()))


def flops(network: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001
    """Count multiplications, each with its addition, of one image's way to the logits; a control.

    Those of convolutions and of the head, as torch counts them.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(images[:1])
    return float(counter.get_total_flops()) / 2


def _weights(network: nn.Module) -> list[Tensor]:
    return [each.weight for each in network.modules() if isinstance(each, WEIGHTED)]


def _gradients(
    network: nn.Module, images: Tensor, labels: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Give the weights that the loss of a batch depends on, each with its gradient."""
    weights = _weights(network.train())
    loss = cross_entropy(network(images), labels)
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    for weight, gradient in zip(weights, gradients, strict=True):
        if gradient is not None:
            yield weight, gradient


@contextmanager
def _hooked(
    network: nn.Module,
    kind: type[nn.Module] | tuple[type[nn.Module], ...],
    hook: Callable[..., None],
    *,
    before: bool = False,
) -> Iterator[None]:
    """Call a hook with what each layer of a kind is given, or returns."""
    layers = [each for each in network.modules() if isinstance(each, kind)]
    handles = [
        each.register_forward_pre_hook(hook) if before else each.register_forward_hook(hook)
        for each in layers
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
