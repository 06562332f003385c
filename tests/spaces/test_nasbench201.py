"""The space of NAS-Bench-201: its strings, its moves, and what its networks cost."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from harness_spaces.nasbench201 import EDGES, OPERATIONS, NasBench201
from harness_spaces.network import Nb201Cell
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from harness.contracts import ArchitectureCost
from harness.errors import UnknownNameError, UsageError

SPACE = NasBench201()
CIFAR10 = ((3, 32, 32), 10)
QUICK = {(0, 0), (2, 1), (0, 6)}  # numbers of convolutions that are counted without `-m slow`, too

decisions = st.tuples(*[st.integers(0, 4)] * 6)
seeds = st.integers(0, 2**32)


def all_of(operation: str) -> str:
    return SPACE.architecture([OPERATIONS.index(operation)] * 6)


def apart(one: str, other: str) -> int:
    pairs = zip(SPACE.decisions(one), SPACE.decisions(other), strict=True)
    return sum(a != b for a, b in pairs)


def test_there_are_15625_architectures() -> None:
    """Six edges with one of five operations each."""
    every = {SPACE.architecture(each) for each in product(range(len(OPERATIONS)), repeat=6)}
    assert len(every) == 15_625
    assert EDGES == ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))


def test_the_string_is_that_of_the_authors() -> None:
    """An architecture reads as the benchmark's tables have it."""
    text = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|skip_connect~1|nor_conv_3x3~2|"
    assert SPACE.check(text) == text
    assert SPACE.decisions(text) == (4, 2, 1, 0, 1, 3)


@given(decisions)
def test_encodings_round_trip(chosen: tuple[int, ...]) -> None:
    """String, decisions and vector tell the same architecture."""
    text = SPACE.architecture(chosen)
    assert SPACE.decisions(text) == chosen
    vector = SPACE.vector(text)
    assert vector.shape == (30,)
    assert vector.reshape(6, 5).argmax(axis=1).tolist() == list(chosen)
    assert vector.sum() == 6


@given(decisions, seeds)
def test_a_mutation_changes_one_edge(chosen: tuple[int, ...], seed: int) -> None:
    """It stays inside the space, and is another architecture."""
    parent = SPACE.architecture(chosen)
    child = SPACE.mutate(parent, np.random.default_rng(seed))
    assert apart(parent, child) == 1
    assert child in SPACE.neighbours(parent)


@given(decisions, decisions, seeds)
def test_a_cross_has_each_edge_from_a_parent(
    one: tuple[int, ...], other: tuple[int, ...], seed: int
) -> None:
    """Nothing comes in that neither of the two has."""
    child = SPACE.cross(
        SPACE.architecture(one), SPACE.architecture(other), np.random.default_rng(seed)
    )
    assert all(c in pair for c, *pair in zip(SPACE.decisions(child), one, other, strict=True))


def test_neighbours_are_24() -> None:
    """Six edges have four other operations each."""
    here = all_of("skip_connect")
    neighbours = SPACE.neighbours(here)
    assert len(set(neighbours)) == 24
    assert {apart(here, each) for each in neighbours} == {1}


def test_samples_cover_the_space_evenly() -> None:
    """Each operation is on each edge about as often as any other."""
    random = np.random.default_rng(0)
    drawn = np.array([SPACE.decisions(SPACE.sample(random)) for _ in range(2000)])
    shares = np.array([(drawn == option).mean(axis=0) for option in range(5)])
    assert np.abs(shares - 0.2).max() < 0.04


@pytest.mark.parametrize(
    ("operation", "flops", "parameters"),
    [("skip_connect", 7_783_050, 73_306), ("nor_conv_3x3", 220_119_690, 1_531_546)],
)
def test_cost_is_that_of_the_paper(operation: str, flops: int, parameters: int) -> None:
    """The least and the most are what the benchmark tells: 7.78 and 220.12 MFLOP, 1.53 M."""
    assert SPACE.cost(all_of(operation), *CIFAR10) == ArchitectureCost(flops, parameters)


def test_cost_of_a_single_convolution_by_hand() -> None:
    """One 1x1 convolution adds C² weights and 2C of its norm in each cell of each stage."""
    chosen = [OPERATIONS.index("none")] * 5 + [OPERATIONS.index("nor_conv_1x1")]
    bare, one = (
        SPACE.cost(all_of("none"), *CIFAR10),
        SPACE.cost(SPACE.architecture(chosen), *CIFAR10),
    )
    assert one.parameters - bare.parameters == 5 * sum(c * c + 2 * c for c in (16, 32, 64))
    assert one.flops - bare.flops == 5 * (16**2 * 32**2 + 32**2 * 16**2 + 64**2 * 8**2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 1 nodes"),
        ("|none~0|+|none~0|none~1|", "has 2 nodes"),
        ("|none~1|+|none~0|none~1|+|none~0|none~1|none~2|", r"must be '\|OPERATION~0\|'"),
        ("|none~0|+|none~0|+|none~0|none~1|none~2|", r"must be '\|OPERATION~0\|OPERATION~1\|'"),
        ("|none~0|+|none~0|none~1|+none~0|none~1|none~2|", "has the node 'none~0"),
    ],
)
def test_what_is_no_architecture_is_refused(text: str, message: str) -> None:
    """The message says what is wrong with which node."""
    with pytest.raises(UsageError, match=message):
        SPACE.check(text)


def test_an_unknown_operation_is_named() -> None:
    """The message has the nearest one."""
    with pytest.raises(UnknownNameError, match="did you mean 'skip_connect'"):
        SPACE.check(all_of("skip_connect").replace("skip_connect~2", "skip~2"))


def counted(architecture: str) -> ArchitectureCost:
    """Count the network itself: a multiplication with its addition is one FLOP."""
    with torch.device("meta"):
        network = SPACE.network(architecture, *CIFAR10).eval()
        flops = []

        def count(layer: nn.Module, _: object, output: Tensor) -> None:
            assert isinstance(layer, (nn.Conv2d, nn.Linear))
            flops.append(layer.weight.numel() * output[0, 0].numel())
            if isinstance(layer, nn.Linear):
                flops.append(layer.bias.numel())  # of a head, as the authors count

        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                layer.register_forward_hook(count)
        logits = network(torch.empty(1, *CIFAR10[0]))
    assert logits.shape == (1, CIFAR10[1])
    parameters = sum(each.numel() for each in network.parameters())
    return ArchitectureCost(sum(flops), parameters)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        pytest.param(*each, marks=[] if each in QUICK else pytest.mark.slow)
        for each in product(range(7), repeat=2)
        if sum(each) <= 6
    ],
)
def test_cost_is_that_of_the_network(small: int, large: int) -> None:
    """For each number of 1x1 and 3x3 convolutions a cell can have, wherever they are."""
    random = np.random.default_rng(10 * small + large)
    kinds = ["nor_conv_1x1"] * small + ["nor_conv_3x3"] * large
    others = random.choice(["none", "skip_connect", "avg_pool_3x3"], 6 - small - large)
    chosen = random.permutation([*kinds, *others]).tolist()
    architecture = SPACE.architecture([OPERATIONS.index(each) for each in chosen])
    assert SPACE.cost(architecture, *CIFAR10) == counted(architecture)


def test_a_cell_sums_what_its_edges_make() -> None:
    """Of shortcuts alone the nodes are x, x, 2x and 4x; a cut edge adds nothing."""
    images = torch.randn(2, 3, 4, 4)
    skip, none = OPERATIONS.index("skip_connect"), OPERATIONS.index("none")
    torch.testing.assert_close(Nb201Cell([skip] * 6, 3)(images), 4 * images)
    torch.testing.assert_close(Nb201Cell([skip] * 3 + [none, skip, none], 3)(images), images)
    assert not Nb201Cell([none] * 6, 3)(images).any()
