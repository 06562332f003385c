"""DARTS: what its updates change, and that it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from harness_baselines.darts import Darts
from harness_baselines.parameters import DartsParameters

from harness.contracts import Batch, SearchBatch, SearchContext
from harness.errors import UsageError
from harness.space.backpropagation import BatchOutcome
from harness.space.spec import SearchSpace

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]


@pytest.fixture
def make_context(make_context: MakeContext, small_space: SearchSpace) -> MakeContext:
    """Return the same tiny trial in a smaller space."""
    return lambda **given: replace(make_context(**given), space=small_space)


def built(context: SearchContext) -> Darts:
    method = Darts()
    method.build(context)
    return method


def test_it_learns_its_support_set(make_context: MakeContext, make_batch: MakeBatch) -> None:
    """Ten search steps reduce the loss and fit the support images, also when predicting."""
    method, batch = built(make_context(steps=10, channels=8)), make_batch()
    metrics = [method.search_step([batch]) for _ in range(10)]
    assert metrics[-1]["loss"] < metrics[0]["loss"] / 2
    assert metrics[-1]["accuracy"] == 100.0
    predicted = method.predict(batch.weights.images).argmax(dim=1)
    assert (predicted == batch.weights.labels).float().mean() > 0.8


def test_alpha_learns_from_the_architecture_batch(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Each update uses its own part of the batch and changes only its own parameters."""
    method, other = built(make_context()), make_batch(images=4).weights
    start = {name: value.clone() for name, value in method.net.named_parameters()}
    method.begin_step()
    method.update_architecture(other)
    changed = {n for n, p in method.net.named_parameters() if not torch.equal(p, start[n])}
    assert changed == {n for n in start if n.startswith("alpha")}
    method.update_weights(other)
    changed = {n for n, p in method.net.named_parameters() if not torch.equal(p, start[n])}
    assert changed == set(start)


def test_metrics_are_those_before_the_update(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """An update of w reports the loss of the weights that it started from."""
    method, batch = built(make_context()), make_batch().weights
    method.begin_step()
    with torch.no_grad():
        logits = method.net(batch.images, method.net.mixing())
    expected = torch.nn.functional.cross_entropy(logits, batch.labels)
    assert method.update_weights(batch).loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_predictions_do_not_depend_on_each_other(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """An image's logits are the same alone and among others, and training mode is restored."""
    method, batch = built(make_context(steps=1)), make_batch()
    method.search_step([batch])
    images = batch.weights.images
    alone = torch.cat([method.predict(image[None]) for image in images])
    torch.testing.assert_close(method.predict(images), alone, rtol=1e-4, atol=1e-5)
    assert method.net.training
    assert not method.predict(images).requires_grad


def test_statistics_are_those_of_the_last_weights(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """After the last step running statistics are the support set's at the final weights."""
    method, batches = built(make_context(steps=2)), [make_batch(), make_batch(images=4)]
    for _ in range(2):
        method.search_step(batches)
    means = [method.net.stem[0](batch.weights.images).mean(dim=(0, 2, 3)) for batch in batches]
    running = method.net.stem.get_buffer("1.running_mean")
    torch.testing.assert_close(running, (means[0] + means[1]) / 2, rtol=1e-4, atol=1e-6)


def test_updates_alternate(make_context: MakeContext) -> None:
    """For each batch α is updated on its part, then w on the other."""
    calls: list[tuple[str, int]] = []

    class Recording(Darts):
        def update_architecture(self, batch: Batch) -> object:
            calls.append(("α", len(batch.labels)))
            return super().update_architecture(batch)

        def update_weights(self, batch: Batch) -> BatchOutcome:
            calls.append(("w", len(batch.labels)))
            return super().update_weights(batch)

    method = Recording()
    method.build(make_context())
    sizes = [Batch(torch.randn(n, 1, 8, 8), torch.arange(n) % 3) for n in (2, 3, 4, 5)]
    method.search_step([SearchBatch(*sizes[:2]), SearchBatch(*sizes[2:])])
    assert calls == [("α", 3), ("w", 2), ("α", 5), ("w", 4)]


def test_it_starts_from_an_initial_state(make_context: MakeContext) -> None:
    """A given initial state takes the place of the random one; one that does not fit is refused."""
    first, second = built(make_context()), Darts()
    context = make_context()
    torch.manual_seed(9)
    second.build(SearchContext(**{**vars(context), "initial_state": first.state_dict()}))
    state = first.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in second.state_dict().items())
    with pytest.raises(UsageError, match="initial state does not fit"):
        Darts().build(SearchContext(**{**vars(context), "initial_state": {"x": torch.zeros(1)}}))


def test_temperature_falls_only_on_request(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """The temperature stays at 1 by default and falls to `final_temperature` if that is given."""
    still, falling = built(make_context()), Darts(DartsParameters(final_temperature=0.1))
    falling.build(make_context())
    seen = []
    for _ in range(3):
        for method in (still, falling):
            method.search_step([make_batch()])
            seen.append(method.temperature)
    assert seen == pytest.approx([1, 1, 1, 0.55, 1, 0.1])


def test_it_derives_without_beta(make_context: MakeContext) -> None:
    """DARTS has no β, and derives an architecture all the same."""
    method = built(make_context())
    assert method.net.beta is None
    assert len(method.architecture().normal) == method.net.space.nodes
