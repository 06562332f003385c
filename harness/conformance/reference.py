"""A linear classifier for checking devices: the smallest search method there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness.contracts import SearchBatch, SearchContext, StepMetrics
from harness.space.genotype import Edge, Genotype
from harness.space.topology import NODES

__all__ = ["Reference"]

_NODE = (Edge(0, "conv_3x3"), Edge(1, "skip_connect"))


class Reference:
    """Trains one linear layer by gradient descent, and finds the same architecture always."""

    def __init__(self, hoard_bytes: int = 0) -> None:
        """Hold a tensor of so many bytes besides."""
        self.hoard_bytes = hoard_bytes

    def build(self, context: SearchContext) -> None:
        """Build the layer on the context's device."""
        channels, height, width = context.image_shape
        self.layer = nn.Linear(channels * height * width, context.classes, device=context.device)
        self.device = context.device

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        """Move the layer along the gradient of each batch; without values the loss is told as 0."""
        hoard = torch.empty(self.hoard_bytes, dtype=torch.uint8, device=self.device)
        seen, images = [], 0
        for batch in batches:
            logits = self.predict(batch.weights.images)
            loss = cross_entropy(logits, batch.weights.labels)
            (gradient,) = torch.autograd.grad(loss, [self.layer.weight])
            with torch.no_grad():
                self.layer.weight -= 0.1 * gradient
            right = (logits.argmax(dim=1) == batch.weights.labels).sum()
            seen.append((loss.detach(), right))
            images += len(logits)
        del hoard
        losses, rights = (torch.stack(each) for each in zip(*seen, strict=True))
        mean, right = losses.mean(), rights.sum()
        if mean.is_meta:
            return StepMetrics(loss=0.0, accuracy=0.0)
        return StepMetrics(loss=float(mean), accuracy=100.0 * int(right) / images)

    def architecture(self) -> Genotype:
        """Return an architecture of the space, whatever was learned."""
        nodes = (_NODE,) * NODES
        return Genotype(normal=nodes, reduction=nodes)

    def predict(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, height, width)."""
        logits: Tensor = self.layer(images.flatten(1))
        return logits

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the layer."""
        state: Mapping[str, Tensor] = self.layer.state_dict()
        return state
