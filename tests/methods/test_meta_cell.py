"""The meta cell of On-NAS: folding, unfolding, and what it stores."""

from __future__ import annotations

import pytest
import torch
from harness_onnas.meta_cell import (
    PREFIX,
    fold,
    fold_alike,
    identity_reduction,
    meta_cell_of,
    tie_gradients,
    unfold,
)
from torch import Tensor
from torch.nn import functional

from harness.search.parameters import Coefficients
from harness.search.states import parameters_of
from harness.space.operations import factorized_reduction
from harness.space.supernet import Supernet

CELLS = range(4)


def state(channels: int = 4) -> dict[str, Tensor]:
    """Parameters of a small supernet."""
    torch.manual_seed(0)
    return parameters_of(Supernet(1, 3, channels))


def of_cell(parameters: dict[str, Tensor], number: int) -> dict[str, Tensor]:
    """Parameters of one cell."""
    prefix = f"cells.{number}."
    return {k.removeprefix(prefix): v for k, v in parameters.items() if k.startswith(prefix)}


def test_unfolding_what_was_folded_gives_it_back() -> None:
    """Of four equal cells, unfold(fold(x)) is x, to the bit."""
    folded = fold(state(), {}, rate=1.0, weighed="none")
    equal = unfold(folded, like=state())
    kinds: tuple[Coefficients, ...] = ("none", "norm", "elementwise")
    for weighed in kinds:
        again = fold(equal, meta_cell_of(folded), rate=1.0, weighed=weighed)
        assert again.keys() == folded.keys()
        back = unfold(again, like=equal)
        assert all(torch.equal(back[name], value) for name, value in equal.items())


def test_all_cells_are_alike_after_unfolding() -> None:
    """Every cell has the meta cell's weights; α, β, stem and head are handed on."""
    original = state()
    found = unfold(fold(original, {}, rate=1.0, weighed="none"), like=original)
    first = of_cell(found, 0)
    assert all(torch.equal(of_cell(found, n)[name], first[name]) for n in CELLS for name in first)
    assert all(torch.equal(found[k], v) for k, v in original.items() if not k.startswith("cells."))


def test_folding_by_hand() -> None:
    """From cells at 1, 2, 3 and 6 and a meta cell at 0, rate 0.5 and equal weights give 1.5."""
    values = (1.0, 2.0, 3.0, 6.0)
    cells = {f"cells.{n}.weight": torch.full((2,), value) for n, value in enumerate(values)}
    folded = fold(cells, {"weight": torch.zeros(2)}, rate=0.5, weighed="none")
    assert folded[PREFIX + "weight"].tolist() == [1.5, 1.5]
    weighed = fold(cells, {"weight": torch.zeros(2)}, rate=1.0, weighed="elementwise")
    gradients = -torch.tensor(values)
    expected = -(torch.softmax(gradients, 0) * gradients).sum()
    torch.testing.assert_close(weighed[PREFIX + "weight"], expected.expand(2))


def test_folding_alike_is_the_mean() -> None:
    """What is no parameter is folded to the mean of the cells."""
    cells = {f"cells.{n}.weight": torch.full((2,), float(n)) for n in range(4)}
    assert fold_alike(cells)[PREFIX + "weight"].tolist() == [1.5, 1.5]


def test_tied_cells_stay_alike() -> None:
    """Cells whose gradients are tied get the mean of theirs, and what only some have its own."""
    net = Supernet(1, 3, 4)
    for number, cell in enumerate(net.cells):
        for parameter in cell.parameters():
            parameter.grad = torch.full_like(parameter, float(number))
    tie_gradients(net)
    for number, cell in enumerate(net.cells):
        for name, parameter in cell.named_parameters():
            expected = float(number) if "skip_connect" in name else 1.5
            assert parameter.grad is not None
            assert (parameter.grad == expected).all(), name


def test_the_meta_cell_is_a_quarter_of_the_cells() -> None:
    """At C = 28 it has at most a quarter of the bytes of the four cells it unfolds to."""
    original = state(channels=28)
    folded = fold(original, {}, rate=1.0, weighed="none")
    elsewhere = ("stem.", "head.")

    def size(parameters: dict[str, Tensor]) -> int:
        return sum(v.nbytes for k, v in parameters.items() if not k.startswith(elsewhere))

    assert 4 * size(folded) <= size(original)


def test_a_strided_skip_connection_starts_as_the_identity() -> None:
    """Half of the channels are handed on from the even pixels, half from the odd ones."""
    images = torch.randn(2, 4, 6, 6)
    found = factorized_reduction(images, identity_reduction(torch.empty(4, 4, 1, 1)))
    expected = torch.cat([images[:, :2, ::2, ::2], images[:, 2:, 1::2, 1::2]], dim=1)
    torch.testing.assert_close(found, expected)
    folded = fold(state(), {}, rate=1.0, weighed="none")
    assert not any("skip_connect" in name for name in folded)


def test_a_missing_weight_is_named() -> None:
    """What is neither in the meta cell nor a strided skip connection cannot be unfolded."""
    folded = fold(state(), {}, rate=1.0, weighed="none")
    name = next(name for name in folded if "conv_3x3" in name)
    del folded[name]
    with pytest.raises(KeyError, match=name):
        unfold(folded, like=state())


def test_reference_identity_keeps_values() -> None:
    """A 1x1 convolution by the identity weight is the identity."""
    images = torch.randn(1, 5, 3, 3)
    weight = identity_reduction(torch.empty(5, 5, 1, 1))
    torch.testing.assert_close(functional.conv2d(images, weight), images)
