"""Batch norm in as few operations as torch can do it with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["BatchNorm", "BatchStatistics"]

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
