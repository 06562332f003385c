"""What holds for every baseline, whatever it searches by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.contracts import SearchBatch, SearchContext, SearchMethod
from harness.space.genotype import Genotype

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]
Search = Callable[[str], SearchMethod]

METHODS = [
    *("bias-only", "darts", "darts-minus", "drnas", "evolution", "fairdarts", "gdas"),
    "last-layer",
    *("metanas", "pcdarts", "proxylessnas", "random", "random-alpha", "sparse-update"),
    "weights-only",
]
each_method = pytest.mark.parametrize("name", METHODS)


@each_method
def test_odd_sizes(name: str, build: Any, make_context: MakeContext, make_batch: MakeBatch) -> None:
    """Images of odd height and width are searched on, and the architecture is one of the space.

    Halved, 7 is even and 9 odd again.
    """
    size = (7, 9)
    method = build(name, make_context(size=size, steps=2))
    for _ in range(2):
        metrics = method.search_step([make_batch(size=size)])
    assert torch.isfinite(torch.tensor([metrics["loss"], metrics["accuracy"]])).all()
    found = method.architecture()
    assert Genotype.from_json(found.to_json()) == found
    assert method.predict(make_batch(5, size).weights.images).shape == (5, 3)


@each_method
def test_the_same_seed_gives_the_same_bits(
    name: str, search: Search, searched: Search, make_batch: MakeBatch
) -> None:
    """Two runs from one seed end in the same tensors and predictions, to the bit."""
    first, second = searched(name), search(name)
    state, other = first.state_dict(), second.state_dict()
    assert state.keys() == other.keys()
    assert all(torch.equal(value, other[key]) for key, value in state.items())
    images = make_batch(seed=3).weights.images
    assert torch.equal(first.predict(images), second.predict(images))


@each_method
def test_predictions_do_not_depend_on_each_other(
    name: str, searched: Search, make_batch: MakeBatch
) -> None:
    """An image's logits are the same alone and among others, and predicting changes nothing."""
    method = searched(name)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    images = make_batch(seed=3).weights.images
    alone = torch.cat([method.predict(image[None]) for image in images])
    torch.testing.assert_close(method.predict(images), alone, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())


@each_method
def test_it_predicts_and_derives_before_its_first_step(
    name: str, build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """A method that was only built has an architecture, logits and a state."""
    method = build(name, make_context())
    assert isinstance(method.architecture(), Genotype)
    assert method.predict(make_batch().weights.images).shape == (6, 3)
    assert method.state_dict()


@pytest.mark.parametrize("name", ["darts", "metanas", "pcdarts", "weights-only"])
def test_it_learns_its_support_set(
    name: str, build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Ten search steps fit the support images, also when predicting."""
    method, batch = build(name, make_context(steps=10, channels=8)), make_batch()
    metrics = [method.search_step([batch]) for _ in range(10)]
    assert metrics[-1]["loss"] < metrics[0]["loss"] / 2
    predicted = method.predict(batch.weights.images).argmax(dim=1)
    assert (predicted == batch.weights.labels).float().mean() > 0.8


@pytest.mark.parametrize(
    ("name", "architecture_updates"),
    [("darts", 6), ("metanas", 6), ("pcdarts", 6), ("proxylessnas", 6), ("weights-only", 0)],
)
def test_updates_are_one_of_each_a_batch(
    name: str,
    architecture_updates: int,
    build: Any,
    make_context: MakeContext,
    make_batch: MakeBatch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three steps of two batches are six updates of w, and as many of α where it is searched."""
    method = build(name, make_context(steps=3))
    counts = {"weight_optimizer": 0, "architecture_optimizer": 0}
    for attribute in counts:
        optimizer = getattr(method, attribute)

        def step(*arguments: Any, of: str = attribute, original: Any = optimizer.step) -> Any:
            counts[of] += 1
            return original(*arguments)

        monkeypatch.setattr(optimizer, "step", step)
    for _ in range(3):
        method.search_step([make_batch(), make_batch(seed=2)])
    assert counts == {"weight_optimizer": 6, "architecture_optimizer": architecture_updates}


@pytest.mark.parametrize("name", ["metanas", "proxylessnas", "weights-only"])
def test_one_space_has_one_start(name: str, build: Any, make_context: MakeContext) -> None:
    """Methods on the same space start from the same w and α as DARTS, to the bit."""
    reference = build("darts", make_context()).state_dict()
    start = build(name, make_context()).state_dict()
    assert {key for key in start if not key.startswith("beta.")} == set(reference)
    assert all(torch.equal(value, start[key]) for key, value in reference.items())
