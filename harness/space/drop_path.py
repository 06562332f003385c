"""Drop path: whole operations left out at random, image by image, while a supernet is trained.

The draw is explicit, so that a forward pass that is run again meets the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.space.spec import CELLS, NODES, OPERATIONS, edge_count

__all__ = ["DropPath", "draw_drop_path"]


@dataclass(frozen=True)
class DropPath:
    """One draw: for each cell, for each node, factors of shape (edges, operations, images)."""

    factors: tuple[tuple[Tensor, ...], ...]

    def part(self, images: slice) -> DropPath:
        """Return the draw for some of the images, such as a micro-batch."""
        return DropPath(tuple(tuple(node[..., images] for node in cell) for cell in self.factors))


def draw_drop_path(  # noqa: PLR0913 - what is drawn, and where it lives
    images: int,
    drop_probability: float,
    generator: torch.Generator,
    *,
    operations: Sequence[str] = OPERATIONS,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> DropPath:
    """Draw which operations each image meets: a factor is 0 or 1 / (1 - drop_probability).

    Skip connections are never dropped (DARTS, section 3.1; MetaNAS follows it).

    Args:
        images: number of images in the batch.
        drop_probability: of each operation on each edge for each image, in [0, 1).
        generator: on the CPU, so that every device draws the same.
        operations: of an edge, in the order of α's columns.
        device: where the factors are to live.
        dtype: of the factors; torch's default if None.
    """
    keep = 1.0 - drop_probability
    skip = list(operations).index("skip_connect")

    def draw(node: int) -> Tensor:
        chances = torch.full((edge_count(node), len(operations), images), keep, dtype=dtype)
        factors = torch.bernoulli(chances, generator=generator) / keep
        factors[:, skip] = 1.0
        return factors.to(device)

    return DropPath(tuple(tuple(draw(node) for node in range(NODES)) for _ in CELLS))
