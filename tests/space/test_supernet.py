"""The supernet: its parameters, its random draws, its forward pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from harness.contracts import Batch
from harness.space.batch_norm import follow_statistics, frozen_statistics
from harness.space.supernet import Supernet


def test_names_and_shapes_of_architecture_parameters() -> None:
    """α has a row for each edge and β an entry for each pair, for each node of both cells."""
    net = Supernet(1, 5, 4)
    shapes = {n: tuple(p.shape) for n, p in net.named_parameters() if n[:5] in ("alpha", "beta.")}
    assert shapes == {
        **{f"alpha.{k}.{i}": (2 + i, 7) for k in ("normal", "reduction") for i in range(3)},
        **{f"beta.{k}.{i}": (n,) for k in ("normal", "reduction") for i, n in enumerate((1, 3, 6))},
    }
    assert len(net.architecture_parameters()) + len(net.weight_parameters()) == len(
        list(net.parameters())
    )


def test_alpha_and_beta_start_as_small_noise() -> None:
    """α and β start at 1e-3 times standard normal noise."""
    noise = torch.cat([p.detach().flatten() for p in Supernet(1, 5, 4).architecture_parameters()])
    assert 0.8e-3 < float(noise.std()) < 1.2e-3


def test_the_space_without_beta_starts_the_same() -> None:
    """A supernet without β has the same initial w and α as one with β from the same seed."""
    states = []
    for edge_pairs in (False, True):
        torch.manual_seed(3)
        states.append(Supernet(1, 5, 4, edge_pairs=edge_pairs).state_dict())
    without, with_beta = states
    assert {name for name in with_beta if name not in without} == {
        f"beta.{kind}.{node}" for kind in ("normal", "reduction") for node in range(3)
    }
    assert all(torch.equal(value, with_beta[name]) for name, value in without.items())


def test_weights_of_all_cells_have_one_shape() -> None:
    """Cells differ in weights only by the skip connections that reduce, so they can be folded."""
    cells = [
        {n: p.shape for n, p in cell.named_parameters() if "skip_connect" not in n}
        for cell in Supernet(3, 5, 4).cells
    ]
    assert all(cell == cells[0] for cell in cells)


@pytest.mark.parametrize("edge_pairs", [True, False])
@pytest.mark.parametrize("size", [8, 15, 21])
def test_logits_at_even_and_odd_sizes(
    size: int, edge_pairs: bool, make_batch: Callable[..., Batch]
) -> None:
    """The supernet gives logits for images of even and odd sizes, with and without β."""
    net = Supernet(3, 5, 4, edge_pairs=edge_pairs)
    logits = net(make_batch(2, size, channels=3).images, net.mixing())
    assert logits.shape == (2, 5)
    assert bool(logits.isfinite().all())


def test_genotype_follows_beta_and_alpha() -> None:
    """The derived architecture holds the pair and the operation that were made the largest."""
    net = Supernet(1, 5, 4)
    assert net.beta is not None
    parameters = dict(net.named_parameters())
    with torch.no_grad():
        parameters["beta.normal.1"][2] = 1.0  # edges 1 and 2
        parameters["alpha.normal.1"][2, 6] = 1.0
    first, second = net.genotype().normal[1]
    assert first.input == 1
    assert second == (2, "dil_conv_3x3")


def test_edges_compare_by_their_softmax() -> None:
    """Without β an edge is as strong as its best softmax weight, as in DARTS, not its best α."""
    net = Supernet(1, 5, 4, edge_pairs=False)
    alpha = net.get_parameter("alpha.reduction.2")
    with torch.no_grad():
        alpha.zero_()
        alpha[0] += 5.0  # changes nothing: softmax is the same
        alpha[1, 2] = 1.0
        alpha[3, 5] = 2.0
    assert net.genotype().reduction[2] == ((1, "skip_connect"), (3, "sep_conv_3x3"))


def test_frozen_statistics_do_not_move(make_batch: Callable[..., Batch]) -> None:
    """Frozen, a pass normalises by the batch as in training and moves no running statistics."""
    net, images = Supernet(1, 5, 4), make_batch(3, 8).images
    logits = net(images, net.mixing())
    before = {name: value.clone() for name, value in net.named_buffers()}
    with frozen_statistics(net):
        again = net(images, net.mixing())
    assert torch.equal(logits, again)
    assert all(torch.equal(before[name], value) for name, value in net.named_buffers())
    net(images, net.mixing())
    assert not all(torch.equal(before[name], value) for name, value in net.named_buffers())


def test_followed_statistics_are_a_plain_average(make_batch: Callable[..., Batch]) -> None:
    """Followed passes leave the average of their batches' statistics, whatever was there before."""
    stem = Supernet(1, 5, 4).stem
    parts = make_batch(4, 8).images.tensor_split(2)
    for seen, part in enumerate(parts):
        with follow_statistics(stem, seen):
            stem(part)
    means = [stem[0](part).mean(dim=(0, 2, 3)) for part in parts]
    running = stem.get_buffer("1.running_mean")
    torch.testing.assert_close(running, (means[0] + means[1]) / 2, rtol=1e-12, atol=1e-15)
    assert stem.get_submodule("1").momentum == 0.1
