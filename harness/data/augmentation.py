"""Changes of training images that leave their class as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MARGIN", "crop_and_flip"]

MARGIN = 4  # pixels on each side, as for CIFAR since He et al. (CVPR 2016, section 4.2)


def crop_and_flip(images: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Cut each image out of itself with a margin of zeros, at random, and mirror half of them.

    Args:
        images: (N, channels, height, width), standardised, so that zero is the mean.
        random: draws two offsets and a coin for each image.

    Returns:
        New images of the same shape.
    """
    count, _, height, width = images.shape
    margins = ((0, 0), (0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN))
    wide = np.pad(images, margins)  # (N, channels, height + 8, width + 8)
    offsets = random.integers(0, 2 * MARGIN + 1, size=(count, 2))
    mirrored = random.random(count) < 0.5
    cut = np.stack(
        [
            image[:, top : top + height, left : left + width]
            for image, (top, left) in zip(wide, offsets, strict=True)
        ]
    )
    cut[mirrored] = cut[mirrored, ..., ::-1]
    return cut
