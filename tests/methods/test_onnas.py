"""On-NAS: each mechanism, and that all of them off is the full step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from harness_onnas.onnas import OnNas
from harness_onnas.parameters import OnNasParameters
from pydantic import ValidationError
from torch import Tensor

from harness.contracts import SearchBatch, SearchContext
from harness.search.optimizers import ArchitectureOptimizer, WeightOptimizer
from harness.search.parameters import Parts
from harness.space.backpropagation import ordinary, split_batch
from harness.space.spec import OPERATIONS, SearchSpace
from harness.space.supernet import Supernet

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]
OFF: dict[str, Any] = {"q": 7, "g": "all", "step_by_step": False, "micro_batches": 1}


@pytest.fixture
def make_small_context(make_context: MakeContext, small_space: SearchSpace) -> MakeContext:
    """Return `make_context` for a space in which what holds in any is tried faster."""

    def make_small_context(**given: int) -> SearchContext:
        return replace(make_context(**given), space=small_space)

    return make_small_context


def run(context: SearchContext, batch: SearchBatch, **parameters: Any) -> OnNas:
    """Run a whole search over one batch a step."""
    method = OnNas(OnNasParameters(**parameters))
    method.build(context)
    for _ in range(context.steps):
        method.search_step([batch])
    return method


@pytest.mark.usefixtures("double_precision")
def test_with_every_mechanism_off_it_is_the_full_step(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """With q = 7 and g = all a step is plain Adam on the whole supernet: α and β, then w."""
    context, batch = make_context(steps=2), make_batch()
    method = OnNas(OnNasParameters(**OFF))
    method.build(context)
    torch.manual_seed(0)
    net = Supernet(1, 3, 4)
    architecture = ArchitectureOptimizer(net.architecture_parameters(), 0.01, 1e-3)
    weights = WeightOptimizer(net.weight_parameters(), 0.01)
    method.search_step([batch])
    for optimizer in (architecture, weights):
        net.zero_grad()
        ordinary(net, batch.weights, net.mixing(1.0))
        optimizer.step()
    for (name, found), wanted in zip(method.net.named_parameters(), net.parameters(), strict=True):
        assert torch.equal(found, wanted), name


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"phase_forward": "repeated"},
        {"gradient": "selected"},
        {"q": 7, "g": "all"},
        {"q": 1, "g": 2, "micro_batches": 1, "explore": 1.0},
    ],
)
def test_step_by_step_changes_no_result(
    parameters: dict[str, Any], make_small_context: MakeContext, make_batch: MakeBatch
) -> None:
    """A search with step-by-step back-propagation ends where one without it does."""
    batch = make_batch(size=9)
    expected = run(make_small_context(size=9, steps=2), batch, **parameters, step_by_step=False)
    found = run(make_small_context(size=9, steps=2), batch, **parameters).state_dict()
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=1e-8, atol=1e-8, msg=name)


@pytest.mark.usefixtures("double_precision")
def test_a_validation_search_ends_where_one_on_the_device_does(
    make_small_context: MakeContext, make_batch: MakeBatch
) -> None:
    """The curve of a pretraining is of the search itself, though its engine needs more memory."""
    batch = make_batch(size=9)
    expected = run(make_small_context(size=9, steps=2), batch)
    found = run(replace(make_small_context(size=9, steps=2), validation=True), batch)
    assert found.engine is not expected.engine
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, rtol=1e-8, atol=1e-8, msg=name)


def snapshot(method: OnNas) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in method.net.named_parameters()}


def test_what_is_not_selected_keeps_its_bits(
    make_small_context: MakeContext, make_batch: MakeBatch
) -> None:
    """A search step changes selected α, β and w, and no bit of what is not selected."""
    method, batch = OnNas(OnNasParameters(explore=0.5)), make_batch()
    method.build(make_small_context(steps=4))
    for _ in range(4):
        before = snapshot(method)
        moments = [moment.clone() for moment in method.architecture_optimizer.second_moments]
        method.search_step([batch])
        after = snapshot(method)
        names = [n for n in before if n.startswith("alpha")] + [
            n for n in before if n.startswith("beta")
        ]
        assert method.masks is not None
        for i, (name, mask) in enumerate(zip(names, method.masks, strict=True)):
            assert torch.equal(before[name][~mask], after[name][~mask]), name
            assert (before[name] != after[name])[mask].all(), name
            moved = moments[i] != method.architecture_optimizer.second_moments[i]
            assert not moved[~mask].any()
        for name, is_updated in updated_weights(method).items():
            assert torch.equal(before[name], after[name]) is not is_updated, name


def updated_weights(method: OnNas) -> dict[str, bool]:
    """Tell for the first weight of each convolution on an edge whether it is to be updated."""
    assert method.selection is not None
    return {
        f"cells.{cell}.nodes.{n}.{edge}.{operation}.1.weight": is_tracked
        for cell, kind in enumerate(method.net.space.cells)
        for n, node in enumerate(method.selection.nodes[kind])
        for edge, row in enumerate(node.operations)
        for operation, is_tracked in zip(OPERATIONS, row, strict=True)
        if "conv" in operation
    }


def test_each_batch_has_a_selection_of_its_own(
    make_small_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Operations are selected anew for each batch, not once for a pass over all of them."""
    method, batch = OnNas(OnNasParameters(explore=1.0)), make_batch()
    method.build(make_small_context(steps=2))
    seen = []

    def batches(count: int) -> Iterator[SearchBatch]:
        for _ in range(count):
            yield batch
            seen.append(method.selection)  # the selection that this batch met

    method.search_step(batches(3))
    assert seen[0] != seen[1] != seen[2] != seen[0]


def test_an_expectation_goes_on_as_parameters_have_moved(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """E[α_f] is α plus what is left of the search times the mean of its last movements."""
    method, batch = OnNas(OnNasParameters(**OFF, trend_steps=2)), make_batch()
    method.build(make_context(steps=5))
    alpha = method.net.architecture_parameters()[0]
    seen = [alpha.detach().clone()]
    for _ in range(3):
        method.search_step([batch])
        seen.append(alpha.detach().clone())
    expected = seen[3] + 2 * (seen[3] - seen[1]) / 2
    torch.testing.assert_close(method.trend.expected(method.remaining)[0], expected)


def test_under_gradient_descent_both_expectations_are_one(
    make_small_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Without weight decay, movements under gradient descent are −λ x gradient, as in Eq. 7."""
    given = {"optimizer": "gradient-descent", "architecture_decay": 0.0, "explore": 0.0}
    first, second = (
        run(make_small_context(), make_batch(), **given, expectation=kind)
        for kind in ("movements", "gradients")
    )
    for found, wanted in zip(first.trend.expected(1), second.trend.expected(1), strict=True):
        torch.testing.assert_close(found, wanted)


def test_gradients_are_freed_and_weights_left_trainable(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """After a step no gradient is alive and every parameter can be trained."""
    method = run(make_context(steps=1), make_batch())
    assert all(p.grad is None and p.requires_grad for p in method.net.parameters())


def test_micro_batches_give_one_update(make_context: MakeContext, make_batch: MakeBatch) -> None:
    """The accumulated gradient is Σ over parts of share x gradient of the part's mean loss."""
    method, batch = OnNas(OnNasParameters(**{**OFF, "micro_batches": 3})), make_batch(images=7)
    method.build(make_context(steps=5))
    method.begin_step()
    method.selection = method._select()
    method._compute_gradients(batch.weights, partial(method._mixing, 7))
    found = [p.grad for p in method.net.parameters()]
    torch.manual_seed(0)
    net = Supernet(1, 3, 4)
    for part in split_batch(batch.weights, *Parts(3)):
        loss = torch.nn.functional.cross_entropy(net(part.images, net.mixing()), part.labels)
        torch.autograd.backward(loss * len(part.labels) / 7)
    for gradient, parameter in zip(found, net.parameters(), strict=True):
        assert gradient is not None
        assert parameter.grad is not None
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-4, atol=1e-6)


def test_the_same_seed_gives_the_same_bits(
    make_small_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Two searches from one seed end in the same tensors and the same architecture."""
    first, second = (run(make_small_context(), make_batch(), explore=0.5) for _ in range(2))
    other = second.state_dict()
    for name, value in first.state_dict().items():
        assert torch.equal(value, other[name]), name
    assert first.architecture() == second.architecture()


def test_it_learns_its_support_set(make_small_context: MakeContext, make_batch: MakeBatch) -> None:
    """Ten search steps reduce the loss, and the temperature falls where it is asked to."""
    method, batch = OnNas(OnNasParameters(final_temperature=0.1)), make_batch(images=9)
    method.build(make_small_context(steps=10))
    losses = [method.search_step([batch])["loss"] for _ in range(10)]
    assert losses[-1] < losses[0]
    assert method.temperature == pytest.approx(0.1)
    assert method.predict(batch.weights.images).shape == (9, 3)


@pytest.mark.parametrize(
    "parameters",
    [{"q": 0}, {"q": 8}, {"g": 0}, {"g": "some"}, {"explore": 1.5}, {"micro_batches": 0},
     {"trend_steps": 0}, {"phase_forward": "no"}, {"weight_lr": 0}, {"unknown": 1}],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(parameters: dict[str, Any]) -> None:
    """Parameters have ranges, and unknown ones do not pass."""
    with pytest.raises(ValidationError):
        OnNasParameters(**parameters)


def test_the_paper_is_one_name_away() -> None:
    """`preset=paper` sets what the paper says; a parameter that is given goes before it."""
    paper = OnNasParameters.model_validate({"preset": "paper", "gradient": "through"})
    assert (paper.gradient, paper.expectation, paper.optimizer) == (
        "through", "gradients", "gradient-descent",
    )  # fmt: skip
    assert OnNasParameters(preset="paper").gradient == "selected"
    assert OnNasParameters().gradient == "through"


def test_parameters_come_as_text() -> None:
    """Parameters can be read from the text that people type."""
    read = OnNasParameters.model_validate({"q": "3", "g": "2", "step_by_step": "false"})
    assert (read.q, read.g, read.step_by_step) == (3, 2, False)
    assert OnNasParameters.model_validate({"g": "all"}).g == "all"
