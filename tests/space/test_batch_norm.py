"""Batch norm in one operation is torch's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.space.batch_norm import BatchNorm, frozen_statistics, keep_statistics, known_statistics


@pytest.mark.parametrize("affine", [False, True])
def test_it_is_torchs_in_training_and_after(affine: bool) -> None:
    """Outputs, gradients and running statistics are those of torch's layer, to the bit."""
    ours, theirs = BatchNorm(3, affine=affine), nn.BatchNorm2d(3, affine=affine)
    for _ in range(3):
        images = torch.randn(4, 3, 5, 5, requires_grad=True)
        same = images.detach().clone().requires_grad_()
        ours(images).square().sum().backward()
        theirs(same).square().sum().backward()
        torch.testing.assert_close(images.grad, same.grad, rtol=0, atol=0)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean, rtol=0, atol=0)
    torch.testing.assert_close(ours.running_var, theirs.running_var, rtol=0, atol=0)
    assert torch.equal(ours.eval()(images), theirs.eval()(images))


def test_frozen_statistics_stay_while_the_batch_normalises() -> None:
    """With frozen statistics the output is that of training, and nothing is remembered."""
    norm, images = BatchNorm(3), torch.randn(4, 3, 5, 5)
    with frozen_statistics(norm):
        frozen = norm(images)
    assert torch.equal(norm.running_mean, torch.zeros(3))
    assert torch.equal(frozen, norm(images))
    assert not torch.equal(norm.running_mean, torch.zeros(3))


def test_with_known_statistics_the_same_images_give_the_same_again() -> None:
    """Outputs and gradients are those of the first pass, and running statistics stay."""
    norm, images = BatchNorm(3), torch.randn(4, 3, 5, 5).mul_(7).add_(2).requires_grad_()
    with keep_statistics([norm]) as kept:
        first = norm(images)
    moved, towards = norm.running_var.clone(), torch.randn(4, 3, 5, 5)
    (of_first,) = torch.autograd.grad(first, images, towards)
    with known_statistics(kept):
        again = norm(images)
    (of_again,) = torch.autograd.grad(again, images, towards)
    torch.testing.assert_close(again, first, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(of_again, of_first, rtol=1e-12, atol=1e-12)
    assert torch.equal(norm.running_var, moved)
    assert not torch.equal(norm(images * 2), first)  # what was known is forgotten


def test_gradients_need_no_output() -> None:
    """From the input and its statistics alone come the gradients of scale x output."""
    norm, images = BatchNorm(3), torch.randn(4, 3, 5, 5, requires_grad=True)
    scale, towards = torch.rand(3, requires_grad=True), torch.randn(4, 3, 5, 5)
    with keep_statistics([norm]) as kept:
        output = scale.reshape(3, 1, 1) * norm(images)
    wanted = torch.autograd.grad(output, (images, scale), towards)
    found = norm.backward_known(kept[norm], images.detach(), scale.detach(), towards, (True, True))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    none = norm.backward_known(kept[norm], images.detach(), scale.detach(), towards, (False, True))
    assert none[0] is None
    torch.testing.assert_close(none[1], wanted[1], rtol=1e-12, atol=1e-12)


def test_statistics_of_many_norms_take_up_one_piece() -> None:
    """Small tensors take up 512 bytes each, so they are joined."""
    norms = [BatchNorm(channels) for channels in (2, 3)]
    with keep_statistics(norms) as kept:
        for norm in norms:
            norm(torch.randn(4, norm.running_mean.numel(), 5, 5))
    pieces = {tensor.untyped_storage().data_ptr() for pair in kept.values() for tensor in pair}
    assert len(pieces) == 1
    assert [len(mean) for mean, _ in kept.values()] == [2, 3]


def test_statistics_of_an_affine_norm_are_not_kept() -> None:
    """It would lose its scale and its shift, so it runs again as it is."""
    norm = BatchNorm(3, affine=True)
    with keep_statistics([norm]) as kept:
        norm(torch.randn(4, 3, 5, 5))
    assert kept == {}
