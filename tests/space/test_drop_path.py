"""Drop path: explicit draws that can be met again."""

from __future__ import annotations

import torch

from harness.space.mixing import DropPath, draw_drop_path
from harness.space.spec import CELLS, NODES, OPERATIONS, edge_count

SKIP = OPERATIONS.index("skip_connect")


def draw(images: int, seed: int = 0) -> DropPath:
    return draw_drop_path(images, 0.2, torch.Generator().manual_seed(seed))


def test_factors_are_scaled_and_spare_skip_connections() -> None:
    """A factor is 0 or 1 / keep, a fifth of them 0, and that of a skip connection is 1."""
    factors = draw(200).factors
    assert [[tuple(node.shape) for node in cell] for cell in factors] == [
        [(edge_count(n), len(OPERATIONS), 200) for n in range(NODES)] for _ in CELLS
    ]
    for cell in factors:
        for node in cell:
            assert (node[:, SKIP] == 1).all()
            others = torch.cat([node[:, :SKIP], node[:, SKIP + 1 :]], dim=1)
            assert set(others.flatten().tolist()) == {0.0, 1 / 0.8}
            assert abs(float((others == 0).double().mean()) - 0.2) < 0.05


def test_a_seed_decides_the_draw() -> None:
    """The same seed gives the same draw, another seed another."""
    first, again, other = draw(4), draw(4), draw(4, seed=1)
    assert torch.equal(first.factors[0][2], again.factors[0][2])
    assert not torch.equal(first.factors[0][2], other.factors[0][2])


def test_a_part_holds_the_draw_of_its_images() -> None:
    """The draw for a part of the batch is the batch's, at these images."""
    whole = draw(5)
    part = whole.part(slice(2, 4))
    assert torch.equal(part.factors[3][1], whole.factors[3][1][..., 2:4])
