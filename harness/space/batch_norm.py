"""Batch norm: in few operations, with statistics that are kept, and running ones that follow.

In training, batch norm normalises by the statistics of the batch; a prediction uses the running
statistics. Few-shot search makes ten steps with large ones among them, too few for an average over
all steps to come near to what the last weights give. So `follow_statistics` lets a method see its
last batches once more with its last weights; only support images are ever seen.

Kept statistics of a batch spare a backward pass that runs it again a pass over every image to
normalise, and of what comes last in an operation they spare it all: batch norm's gradients need its
input and these alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = [
    "BatchNorm",
    "BatchStatistics",
    "Kept",
    "follow_statistics",
    "frozen_statistics",
    "keep_statistics",
    "known_statistics",
    "recalibrate",
]

BatchStatistics = tuple[Tensor, Tensor]  # mean and 1 / standard deviation, (C,) each


class BatchNorm(nn.Module):
    """Batch norm over (N, C, H, W), as torch's, in one operation instead of three.

    Torch's layer also counts its batches, which only an average without momentum would need, and
    makes an empty tensor for what cuDNN may keep. A search step has hundreds of batch norms on
    small tensors, where each operation costs more to launch than to compute.

    Attributes:
        weight, bias: (C,), or None where it is not affine.
        running_mean, running_var: (C,), what a prediction normalises by.
        momentum: share of the present batch in the running statistics.
        track_running_stats: whether training moves the running statistics.
        kept: where a forward pass in training leaves the statistics of its batch, or None.
        known: statistics of the batch that runs again, which need not be computed, or None.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, affine: bool = False, momentum: float = 0.1) -> None:
        """Build it for (N, `channels`, H, W); `affine` lets it learn a scale and a shift."""
        super().__init__()
        self.momentum, self.epsilon = momentum, 1e-5
        self.track_running_stats = True
        self.kept: dict[BatchNorm, BatchStatistics] | None = None
        self.known: BatchStatistics | None = None
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, images: Tensor) -> Tensor:
        """Normalise by the statistics of the batch in training, by the running ones otherwise."""
        if self.known is not None:
            again: Tensor = _NormaliseAgain.apply(images, self.known, self.epsilon)
            return again
        keeps = self.track_running_stats or not self.training
        normalised: Tensor
        normalised, mean, inverse_deviation = torch.native_batch_norm(
            images,
            self.weight,
            self.bias,
            self.running_mean if keeps else None,
            self.running_var if keeps else None,
            self.training,
            self.momentum,
            self.epsilon,
        )
        if self.kept is not None:
            self.kept[self] = mean, inverse_deviation
        return normalised

    @torch.no_grad()
    def backward_known(
        self,
        known: BatchStatistics,
        images: Tensor,
        scale: Tensor,
        gradient: Tensor,
        needed: tuple[bool, bool],
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients of scale x output, without computing the output.

        Args:
            known: statistics of the batch.
            images: what was normalised, (N, C, H, W).
            scale: what each channel of the output is multiplied by, (C,).
            gradient: of the loss with respect to scale x output, (N, C, H, W).
            needed: which gradients are asked for.

        Returns:
            Gradients with respect to `images`, (N, C, H, W), and to `scale`, (C,).
        """
        of_images, of_scale, _ = torch.ops.aten.native_batch_norm_backward(
            gradient,
            images,
            scale,
            None,
            None,
            *known,
            True,
            self.epsilon,
            [*needed, False],
        )
        return of_images, of_scale


class _NormaliseAgain(torch.autograd.Function):
    """Normalise (N, C, H, W) by the statistics of its own batch, which are known."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, statistics: BatchStatistics, epsilon: float) -> Tensor:
        mean, inverse_deviation = statistics
        ctx.save_for_backward(images, mean, inverse_deviation)
        ctx.epsilon = epsilon
        variance = inverse_deviation**-2  # epsilon is in it
        normalised: Tensor = torch.native_batch_norm(
            images, None, None, mean, variance, False, 0.0, 0.0
        )[0]
        return normalised

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        images, *statistics = ctx.saved_tensors
        of_images, _, _ = torch.ops.aten.native_batch_norm_backward(
            gradient,
            images,
            None,
            None,
            None,
            *statistics,
            True,
            ctx.epsilon,
            [True, False, False],
        )
        return of_images, None, None


Kept = Mapping[BatchNorm, BatchStatistics]


@contextmanager
def keep_statistics(norms: Iterable[BatchNorm]) -> Iterator[Kept]:
    """Collect the statistics of the batches that pass through those of `norms` not affine.

    They are complete, and in one piece of memory, when the context is left. An affine norm is to
    run again as it is: during search there is none.
    """
    kept: dict[BatchNorm, BatchStatistics] = {}
    keeping = [norm for norm in norms if norm.weight is None]
    for norm in keeping:
        norm.kept = kept
    try:
        yield kept
    finally:
        for norm in keeping:
            norm.kept = None
    if kept:
        kept.update(_in_one_piece(kept))


def _in_one_piece(kept: Kept) -> dict[BatchNorm, BatchStatistics]:
    """Join what would be many small tensors, each of which takes up more than it holds."""
    tensors = [tensor for statistics in kept.values() for tensor in statistics]
    parts = iter(torch.split(torch.cat(tensors), [len(tensor) for tensor in tensors]))
    return {norm: (next(parts), next(parts)) for norm in kept}


@contextmanager
def known_statistics(kept: Kept) -> Iterator[None]:
    """Let the same images pass again: nothing is computed anew, no running statistic moves."""
    for norm, statistics in kept.items():
        norm.known = statistics
    try:
        yield
    finally:
        for norm in kept:
            norm.known = None


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Normalise by batch statistics, as in training, but leave the running statistics alone.

    A forward pass that is run again for its gradients normalises as the first one did, and must not
    move the running statistics a second time.
    """
    norms = _norms(module)
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


@contextmanager
def follow_statistics(module: nn.Module, seen: int) -> Iterator[None]:
    """Let forward passes in training mode move the running statistics to their plain average.

    Args:
        module: holds the batch norms.
        seen: how many passes have been averaged so far. The first replaces what was there; later
            ones count 1 / (seen + 1), but never less than in training.
    """
    norms = _norms(module)
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = max(1.0 / (seen + 1), norm.momentum)
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


@torch.no_grad()
def recalibrate(
    module: nn.Module, batches: Iterable[Tensor], forward: Callable[[Tensor], object] | None = None
) -> None:
    """Run batches forward once more, so that running statistics are those of the last weights.

    A pass in the middle of a step would be too early: the updates after it change what batch norm
    sees by more than what tells the classes apart.

    Args:
        module: in training mode.
        batches: images (N, channels, H, W) each.
        forward: runs the module; by default with the images alone.
    """
    for seen, images in enumerate(batches):
        with follow_statistics(module, seen):
            (forward or module)(images)


def _norms(module: nn.Module) -> list[BatchNorm]:
    return [part for part in module.modules() if isinstance(part, BatchNorm)]
