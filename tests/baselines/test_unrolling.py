"""The second-order gradient of DARTS against solutions by hand and by autograd."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from harness_baselines import darts
from harness_baselines.darts import unrolled_gradient
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from harness.contracts import SearchBatch, SearchContext
from harness.space.backpropagation import ordinary

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]
Loss = Callable[..., Tensor]

pytestmark = pytest.mark.usefixtures("double_precision")


def sets_gradients(loss: Loss, parameters: Sequence[nn.Parameter]) -> Callable[[], None]:
    """Return what `unrolled_gradient` takes for a loss of these parameters."""

    def compute() -> None:
        for parameter in parameters:
            parameter.grad = None
        torch.autograd.backward(loss(*parameters))

    return compute


def exact(
    train: Loss, validate: Loss, weights: list[nn.Parameter], alpha: list[nn.Parameter], lr: float
) -> tuple[Tensor, ...]:
    """Differentiate through the step of training."""
    gradients = torch.autograd.grad(train(*weights, *alpha), weights, create_graph=True)
    ahead = [w - lr * gradient for w, gradient in zip(weights, gradients, strict=True)]
    return torch.autograd.grad(validate(*ahead, *alpha), alpha)


def test_quadratic_losses_by_hand() -> None:
    """With L_train = (w − 3α)²/2 and L_val = (w − 5)²/2 + 2αw the gradient is the hand-made one."""
    w, alpha = nn.Parameter(torch.tensor([7.0])), nn.Parameter(torch.tensor([2.0]))

    def train(w: Tensor, alpha: Tensor) -> Tensor:
        return (w - 3 * alpha).square().sum() / 2

    def validate(w: Tensor, alpha: Tensor) -> Tensor:
        return ((w - 5).square() / 2 + 2 * alpha * w).sum()

    unrolled_gradient(
        [w],
        [alpha],
        train=sets_gradients(train, [w, alpha]),
        validate=sets_gradients(validate, [w, alpha]),
        lr=0.1,
    )
    # w' = 7 - 0.1 (7 - 6) = 6.9, and dw'/dα = 0.3:  2 w' + (w' - 5 + 2α) 0.3 = 13.8 + 5.9 x 0.3
    assert alpha.grad is not None
    assert alpha.grad.item() == pytest.approx(13.8 + 1.77, rel=1e-9)


def mixture_losses() -> tuple[Loss, Loss, list[nn.Parameter], list[nn.Parameter]]:
    """Return a smooth network of two layers with a softmax over three activations."""
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(4, 5)), nn.Parameter(torch.randn(5, 3))]
    alpha = [nn.Parameter(torch.randn(3))]
    images, labels = torch.randn(2, 6, 4), torch.arange(6) % 3

    def loss(x: Tensor, first: Tensor, second: Tensor, alpha: Tensor) -> Tensor:
        hidden = x @ first
        choices = torch.stack([hidden.tanh(), hidden.sin(), hidden])
        return cross_entropy(torch.tensordot(alpha.softmax(0), choices, 1) @ second, labels)

    def train(*parameters: Tensor) -> Tensor:
        return loss(images[0], *parameters)

    def validate(*parameters: Tensor) -> Tensor:
        return loss(images[1], *parameters)

    return train, validate, weights, alpha


@pytest.mark.parametrize(("reach", "tolerance"), [(1e-2, 1e-3), (1e-4, 1e-7)])
def test_a_small_network_by_autograd(
    reach: float, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient is autograd's through the step, with an error of the reach squared."""
    monkeypatch.setattr(darts, "REACH", reach)
    train, validate, weights, alpha = mixture_losses()
    expected = exact(train, validate, weights, alpha, lr=0.5)
    parameters = [*weights, *alpha]
    unrolled_gradient(
        weights,
        alpha,
        train=sets_gradients(train, parameters),
        validate=sets_gradients(validate, parameters),
        lr=0.5,
    )
    first_order = torch.autograd.grad(validate(*parameters), alpha)
    assert alpha[0].grad is not None
    error = (alpha[0].grad - expected[0]).norm() / expected[0].norm()
    assert error < tolerance
    assert (first_order[0] - expected[0]).norm() > 0.1 * expected[0].norm()


@pytest.mark.parametrize("direction", [1.0, 0.0, float("inf"), float("nan")])
def test_weights_are_restored_to_the_bit(direction: float) -> None:
    """w is the same afterwards, the sign of its zeros included, whatever the gradients were."""
    values = torch.tensor([-0.0, 0.0, 0.1, 1e-300, -3.7])
    w, alpha = nn.Parameter(values.clone()), nn.Parameter(torch.ones(1))

    def compute() -> None:
        w.grad, alpha.grad = torch.full_like(w, direction), w.detach().sum()[None]

    unrolled_gradient([w], [alpha], train=compute, validate=compute, lr=0.3)
    assert torch.equal(w.detach().view(torch.int64), values.view(torch.int64))


def test_no_direction_leaves_the_first_order_gradient() -> None:
    """Where L_val does not depend on w, the gradient of α is the direct one, and finite."""
    w, alpha = nn.Parameter(torch.ones(2)), nn.Parameter(torch.tensor([2.0]))

    def train(w: Tensor, alpha: Tensor) -> Tensor:
        return (alpha * w.square()).sum()

    def validate(w: Tensor, alpha: Tensor) -> Tensor:
        return alpha.square().sum() + 0 * w.sum()

    parameters = [w, alpha]
    unrolled_gradient(
        [w],
        [alpha],
        train=sets_gradients(train, parameters),
        validate=sets_gradients(validate, parameters),
        lr=0.1,
    )
    assert alpha.grad is not None
    assert alpha.grad.item() == 4.0


def test_the_supernet_by_autograd(
    build: Any, make_context: MakeContext, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `order=second` α is updated by autograd's gradient through a step of the supernet."""
    monkeypatch.setattr(darts, "REACH", 1e-5)  # ReLU has corners, which a long reach crosses
    method = build("darts", make_context(channels=2), order="second", weight_lr=0.1)
    net, trained, judged = method.net, make_batch().weights, make_batch(seed=2).weights
    names = [name for name, _ in net.named_parameters() if not name.startswith("alpha")]
    weights = [net.get_parameter(name) for name in names]
    alpha = net.architecture_parameters()

    def train(*parameters: Tensor) -> Tensor:
        return cross_entropy(net(trained.images, net.mixing()), trained.labels)

    def validate(*parameters: Tensor) -> Tensor:
        ahead = dict(zip(names, parameters, strict=False))
        logits: Tensor = functional_call(net, ahead, (judged.images, net.mixing()))
        return cross_entropy(logits, judged.labels)

    expected = torch.cat([g.flatten() for g in exact(train, validate, weights, alpha, lr=0.1)])
    found: list[Tensor] = []
    monkeypatch.setattr(
        method.architecture_optimizer, "step", lambda: found.extend(a.grad for a in alpha)
    )
    method.update(SearchBatch(weights=trained, architecture=judged))
    error = (torch.cat([gradient.flatten() for gradient in found]) - expected).norm()
    assert error < 1e-4 * expected.norm()


def test_the_step_ahead_is_at_the_present_rate_of_w(
    build: Any, make_context: MakeContext, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ξ falls with the schedule of w, as equation 6 has one rate for both."""
    method = build("darts", make_context(), order="second", schedule="cosine", weight_lr=0.1)
    rates: list[float] = []

    def watch(*_: Any, lr: float, **__: Any) -> None:
        rates.append(lr)

    monkeypatch.setattr(darts, "unrolled_gradient", watch)
    for _ in range(4):
        method.search_step([make_batch()])
    expected = [0.05 * (1 + math.cos(math.pi * step / 4)) for step in range(4)]
    assert rates == pytest.approx(expected)


def test_one_loss_has_one_draw_of_drop_path(
    build: Any, make_context: MakeContext, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pretraining the three passes of L_train meet one draw, so that α learns no noise."""
    context = replace(make_context(), pretraining=True)
    method, mixings = build("darts", context, order="second", drop_path=0.5), []

    def watch(net: Any, batch: Any, mixing: Any, share: float) -> Any:
        mixings.append([weights.count_nonzero().item() for weights in mixing.weights()])
        return ordinary(net, batch, mixing, share)

    monkeypatch.setattr(method, "engine", watch)
    method.update(make_batch())
    train, validate, plus, minus, update = mixings
    assert train == plus == minus
    assert train != validate
    assert update not in (train, validate)
