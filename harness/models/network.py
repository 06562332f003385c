"""The networks that can be kept: cells of a search space, or one of torchvision's."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate

from harness.space.architecture import BackboneArchitecture, NetworkArchitecture
from harness.space.deployed import DeployedNetwork

__all__ = ["BackboneNetwork", "network_of"]


def network_of(architecture: NetworkArchitecture) -> nn.Module:
    """Build the network that is described, drawing its weights from torch's global generator."""
    if isinstance(architecture, BackboneArchitecture):
        return BackboneNetwork(architecture)
    return DeployedNetwork(architecture)


class BackboneNetwork(nn.Module):
    """Brings images to what a backbone was trained on, and classifies them.

    One channel is given three times. Images that are smaller than `size` in height or width are
    enlarged to that square, bilinearly: a backbone halves them five times, so that of 28x28 pixels
    a single place would be left. Larger ones stay as they are.
    """

    def __init__(self, architecture: BackboneArchitecture) -> None:
        """Build it, drawing the weights from torch's global generator."""
        from torchvision import models  # noqa: PLC0415 - slow to import; cells do without

        super().__init__()
        create: Any = getattr(models, architecture.backbone)
        self.body: nn.Module = create(weights=None, num_classes=architecture.classes)
        self.size = architecture.size
        self._last = [name for name, each in self.body.named_modules() if _is_linear(each)][-1]

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, H, W), of one channel or three."""
        images = images.expand(-1, 3, -1, -1)
        if min(images.shape[2:]) < self.size:
            images = interpolate(images, (self.size, self.size), mode="bilinear")
        logits: Tensor = self.body(images)
        return logits

    def last_layer(self) -> nn.Module:
        """Return the layer that tells the classes apart."""
        return self.body.get_submodule(self._last)

    def is_of_last_layer(self, name: str) -> bool:
        """Tell whether a tensor of the body's state belongs to the last layer."""
        return name.startswith(f"{self._last}.")


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear)
