"""Meta-learning steps by hand (Reptile; On-NAS, Eq. 3 to 5)."""

from __future__ import annotations

import math

import pytest
import torch

from harness.search.parameters import Coefficients
from harness.search.states import coefficients, mean_of, meta_step, move


def test_reptile_goes_to_the_mean() -> None:
    """At rate 1 the meta parameter becomes the mean of what the tasks led to."""
    reached = [torch.tensor([1.0, 4.0]), torch.tensor([3.0, 0.0])]
    found = move(torch.tensor([10.0, 10.0]), reached, 1.0, weighed="none")
    assert found.tolist() == [2.0, 2.0]


def test_the_rate_scales_the_step() -> None:
    """At rate 0.5 it goes half of the way."""
    reached = [torch.tensor([2.0])]
    assert move(torch.tensor([10.0]), reached, 0.5, weighed="none").item() == 6.0
    assert move(torch.tensor([10.0]), reached, 0.5, weighed="elementwise").item() == 6.0


@pytest.mark.parametrize("kind", ["elementwise", "norm", "none"])
def test_coefficients_sum_to_one_element_by_element(kind: Coefficients) -> None:
    """Over the tasks of a meta-batch every element's coefficients sum to 1, whatever their kind."""
    gradients = 5 * torch.randn(10, 3, 4, generator=torch.Generator().manual_seed(0))
    summed = coefficients(gradients, kind).sum(dim=0).expand(3, 4)
    torch.testing.assert_close(summed, torch.ones(3, 4))


def test_coefficients_by_norm_by_hand() -> None:
    """Of gradients with norms 5 and 0 the first has the coefficient e^5 / (e^5 + 1)."""
    gradients = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    found = coefficients(gradients, "norm")
    assert found.shape == (2, 1)
    assert found[0].item() == pytest.approx(math.exp(5) / (math.exp(5) + 1))


def test_the_mean_is_by_name() -> None:
    """What tasks led to is averaged tensor by tensor."""
    states = [{"w": torch.tensor([1.0, 3.0])}, {"w": torch.tensor([3.0, 5.0])}]
    assert mean_of(states)["w"].tolist() == [2.0, 4.0]


def test_a_weighed_step_by_hand() -> None:
    """With G = (ln 3, 0) the coefficients are 3/4 and 1/4: the step is 3/4 ln 3."""
    reached = [torch.tensor([-math.log(3.0)]), torch.tensor([0.0])]
    found = move(torch.tensor([0.0]), reached, 1.0, weighed="elementwise")
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
