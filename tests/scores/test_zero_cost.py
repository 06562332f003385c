"""Each zero-cost score, held to a network that was computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from harness_spaces.nasbench201 import OPERATIONS, NasBench201
from torch import Tensor, nn

from harness.plugins.loading import load_plugins
from harness.plugins.spaces import find_score
from harness.scores.zero_cost import flops, grad_norm, naswot, parameters, snip, synflow, zen
from harness.space.spec import METANAS

IMAGES = torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1)
LABEL = torch.tensor([0])
IMAGE_SHAPE = (3, 32, 32)
ARCHITECTURE = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|avg_pool_3x3~1|none~2|"


class Small(nn.Module):
    """A 1x1 convolution [[1, -2], [3, 1]], a ReLU, and a head [[1, 1], [1, -1]] without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 2, 1, bias=False)
        self.rectifier = nn.ReLU()
        self.head = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.convolution.weight.copy_(torch.tensor([[1.0, -2.0], [3.0, 1.0]])[..., None, None])
            self.head.weight.copy_(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))

    def features(self, images: Tensor) -> Tensor:
        found: Tensor = self.rectifier(self.convolution(images))
        return found

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).mean(dim=(2, 3)))
        return logits


# Of the image (1, 2): the convolution gives (-3, 5), the ReLU (0, 5), the head (5, -5). The loss of
# class 0 has the gradient (p - 1, 1 - p) = (-e, e) with e = 1 / (1 + exp(10)).
E = 1 / (1 + math.exp(10))


def test_grad_norm_by_hand() -> None:
    """Of the head (-e, e) x (0, 5); of the convolution -2e x (1, 2) in its second row."""
    head, convolution = 5 * E * math.sqrt(2), 2 * E * math.sqrt(5)
    assert grad_norm(Small(), IMAGES, LABEL) == pytest.approx(head + convolution, rel=1e-2)


def test_snip_by_hand() -> None:
    """|w g| is 5e twice in the head, and 2e x (3 x 1 + 1 x 2) in the convolution."""
    assert snip(Small(), IMAGES, LABEL) == pytest.approx(10 * E + 10 * E, rel=1e-2)


def test_synflow_by_hand() -> None:
    """Positive weights take ones to (3, 4), then 7 + 7 = 14; each of two layers has all of it."""
    assert synflow(Small(), IMAGES, LABEL) == pytest.approx(28.0)


def test_naswot_by_hand() -> None:
    """Codes (0, 1) and (1, 0) of two units differ in both: K = 2 on the diagonal, and 0 beside."""
    images = torch.tensor([[1.0, 2.0], [1.0, -3.0]]).reshape(2, 2, 1, 1)
    assert naswot(Small(), images, torch.tensor([0, 0])) == pytest.approx(math.log(4))
    alike = IMAGES.repeat(2, 1, 1, 1)
    assert naswot(Small(), alike, torch.tensor([0, 0])) == -math.inf


class Normed(nn.Module):
    """A convolution of one channel, and a batch norm that undoes it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def features(self, images: Tensor) -> Tensor:
        found: Tensor = self.norm(self.convolution(images))
        return found


def test_zen_gives_back_what_batch_norm_took() -> None:
    """The norm divides by |w|, which is added again: the score is log(|w| E|0.01 e|), w drawn."""
    for seed in range(3):
        torch.manual_seed(seed)
        network, state = Normed(), torch.get_rng_state()
        found = zen(network, torch.zeros(4000, 1, 1, 1), torch.zeros(4000))
        torch.set_rng_state(state)
        drawn = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        weight = abs(float(torch.randn(1, generator=drawn)))
        by_hand = math.log(weight * 0.01 * math.sqrt(2 / math.pi))
        assert found == pytest.approx(by_hand, abs=0.05)


SCORES = ("grad-norm", "naswot", "snip", "synflow", "zen")


@pytest.mark.parametrize("name", SCORES)
def test_networks_of_the_space_have_scores(name: str) -> None:
    """A network with convolutions has a finite score; one whose cells cut all has none, or less."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(4, *IMAGE_SHAPE, generator=generator)
    labels = torch.tensor([0, 1, 2, 3])
    found = []
    for operation in ("nor_conv_1x1", "none"):
        torch.manual_seed(0)
        architecture = NasBench201().architecture([OPERATIONS.index(operation)] * 6)
        network = NasBench201().network(architecture, IMAGE_SHAPE, 10)
        found.append(find_score(load_plugins(), name)(network, images, labels))
    assert math.isfinite(found[0])
    assert found[1] < found[0]


def test_controls_by_hand() -> None:
    """The convolution has 2 x 2 weights, the head as many; each is used once for one pixel."""
    assert parameters(Small(), IMAGES, LABEL) == 8
    assert flops(Small(), IMAGES, LABEL) == 8
    network = NasBench201().network(ARCHITECTURE, IMAGE_SHAPE, 10)
    cost = NasBench201().cost(ARCHITECTURE, IMAGE_SHAPE, 10)
    images = torch.randn(2, *IMAGE_SHAPE)
    assert parameters(network, images, LABEL) == cost.parameters
    assert flops(network, images, LABEL) == cost.flops - 10  # the benchmark counts biases


@pytest.mark.parametrize("name", SCORES)
def test_networks_of_the_shared_space_have_scores(name: str) -> None:
    """Its batch norms and the ReLUs within its blocks are seen, too."""
    random, found = np.random.default_rng(0), set()
    images = torch.randn(4, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        torch.manual_seed(0)
        network = METANAS.network(METANAS.sample(random), (1, 12, 12), 4)
        found.add(find_score(load_plugins(), name)(network, images, torch.arange(4)))
    assert len(found) == 3
    assert all(map(math.isfinite, found))
