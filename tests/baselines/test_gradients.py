"""Which parameters each baseline gives gradients and changes, and at which temperature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.contracts import SearchBatch, SearchContext

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]

ARCHITECTURE = ("alpha.", "beta.")
searching = pytest.mark.parametrize("name", ["darts", "metanas", "pcdarts", "proxylessnas"])
whole = pytest.mark.parametrize("name", ["darts", "metanas", "pcdarts"])


def snapshot(method: Any) -> dict[str, torch.Tensor]:
    """Return copies of α, β and w."""
    return {name: value.detach().clone() for name, value in method.net.named_parameters()}


def changed_since(method: Any, start: dict[str, torch.Tensor]) -> set[str]:
    """Return the names of the parameters that are not what they were, to the bit."""
    return {n for n, value in method.net.named_parameters() if not torch.equal(value, start[n])}


@whole
def test_everything_gets_a_gradient(
    name: str, build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Without sampling every α, β and w gets a gradient, each element of α one that is not 0."""
    method = build(name, make_context())
    method.begin_step()
    method.update_architecture(make_batch().architecture)
    for parameter_name, parameter in method.net.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert bool(parameter.grad.isfinite().all()), parameter_name
        if parameter_name.startswith("alpha."):
            assert bool((parameter.grad != 0).all()), parameter_name


@searching
def test_each_update_changes_its_own(
    name: str, build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """The update of the architecture changes all of α and β and no w; that of w no α or β."""
    # One channel an operation would be too few: batch norm undoes all that a 1x1 weight does to it.
    method = build(name, make_context(channels=8))
    method.begin_step()
    start = snapshot(method)
    of_architecture = {n for n in start if n.startswith(ARCHITECTURE)}
    lone = {"beta.normal.0", "beta.reduction.0"}  # in MetaNAS a softmax over one pair: always 1
    method.update_architecture(make_batch().architecture)
    assert of_architecture - lone <= changed_since(method, start) <= of_architecture
    between = snapshot(method)
    method.update_weights(make_batch().weights)
    changed = changed_since(method, between)
    assert changed <= set(start) - of_architecture
    if name != "proxylessnas":  # which trains its paths only
        assert changed == set(start) - of_architecture


def test_weights_only_keeps_the_architecture(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """After a search α and β are what they were, to the bit, without gradients; all w moved."""
    method = build("weights-only", make_context(steps=3))
    start, found = snapshot(method), method.architecture()
    for _ in range(3):
        method.search_step([make_batch(), make_batch(seed=2)])
    assert changed_since(method, start) == {n for n in start if not n.startswith(ARCHITECTURE)}
    assert method.architecture() == found
    assert {n for n, p in method.net.named_parameters() if p.grad is None} == {
        n for n in start if n.startswith(ARCHITECTURE)
    }


@pytest.mark.parametrize(
    ("name", "final"),
    [("metanas", 0.1), ("darts", 1.0), ("pcdarts", 1.0), ("proxylessnas", 1.0)],
)
def test_the_temperature_falls_linearly(
    name: str,
    final: float,
    build: Any,
    make_context: MakeContext,
    make_batch: MakeBatch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over ten steps MetaNAS's temperature is 1, 0.9, ... 0.1; the others' papers have none."""
    method = build(name, make_context(steps=10))
    monkeypatch.setattr(method, "update", lambda batch: method.update_weights(batch.weights))
    found = []
    for _ in range(10):
        method.search_step([make_batch(images=3)])
        found.append(method.temperature)
    assert found == pytest.approx([1 + (final - 1) * step / 9 for step in range(10)])


def test_the_temperature_divides_alpha_and_beta(
    build: Any, make_context: MakeContext, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MetaNAS's passes run at the temperature of their step, the last step's predictions too."""
    method, seen = build("metanas", make_context(steps=3)), []
    mixing = method.net.mixing

    def watch(temperature: float, **rest: Any) -> Any:
        seen.append(temperature)
        return mixing(temperature, **rest)

    monkeypatch.setattr(method.net, "mixing", watch)
    for _ in range(3):
        method.search_step([make_batch()])
    method.predict(make_batch().weights.images)
    # α and w in each step; then the running statistics and the prediction.
    assert seen == pytest.approx([1, 1, 0.55, 0.55, 0.1, 0.1, 0.1, 0.1])
