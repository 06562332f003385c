"""Meta-learning steps by hand (Reptile; On-NAS, Eq. 3 to 5)."""

from __future__ import annotations

import math

import pytest
import torch

from harness.search.reptile import coefficients, meta_step, move


def test_reptile_goes_to_the_mean() -> None:
    """At rate 1 the meta parameter becomes the mean of what the tasks led to."""
    reached = [torch.tensor([1.0, 4.0]), torch.tensor([3.0, 0.0])]
    found = move(torch.tensor([10.0, 10.0]), reached, 1.0, weighed=False)
    assert found.tolist() == [2.0, 2.0]


def test_the_rate_scales_the_step() -> None:
    """At rate 0.5 it goes half of the way."""
    reached = [torch.tensor([2.0])]
    assert move(torch.tensor([10.0]), reached, 0.5, weighed=False).item() == 6.0
    assert move(torch.tensor([10.0]), reached, 0.5, weighed=True).item() == 6.0


def test_coefficients_sum_to_one_element_by_element() -> None:
    """Over the tasks of a meta-batch every element's coefficients sum to 1."""
    gradients = 5 * torch.randn(10, 3, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(coefficients(gradients).sum(dim=0), torch.ones(3, 4))


def test_a_weighed_step_by_hand() -> None:
    """With G = (ln 3, 0) the coefficients are 3/4 and 1/4: the step is 3/4 ln 3."""
    reached = [torch.tensor([-math.log(3.0)]), torch.tensor([0.0])]
    found = move(torch.tensor([0.0]), reached, 1.0, weighed=True)
    assert found.item() == pytest.approx(-0.75 * math.log(3.0))


def test_each_name_has_its_rate() -> None:
    """A meta step moves every parameter by the rate of its name, and needs a task."""
    meta = {"alpha.x": torch.zeros(1), "w": torch.zeros(1)}
    tasks = [{"alpha.x": torch.ones(1), "w": torch.ones(1)}]
    found = meta_step(meta, tasks, lambda name: 0.6 if name.startswith("alpha") else 1.0)
    assert found["alpha.x"].item() == pytest.approx(0.6)
    assert found["w"].item() == 1.0
    with pytest.raises(ValueError, match="at least one task"):
        meta_step(meta, [], lambda _: 1.0)
