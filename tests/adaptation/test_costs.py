"""What methods cost on photos is estimated once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.adaptation import costs
from harness.adaptation.request import PhotosRequest
from harness.estimates.estimates import Estimate
from harness.plugins.loading import load_plugins
from harness.tracing.search import Search


def test_another_seed_is_not_estimated_again(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the seed, the same searches are looked up, so that those kept before are found."""
    asked: list[list[Search]] = []

    def estimated(searches: list[Search], *_: object, **__: object) -> list[Estimate]:
        asked.append([replace(each, dataset="") for each in searches])  # no part of their key
        return [Estimate(each, error="not now") for each in searches]

    monkeypatch.setattr(costs, "estimate_all", estimated)
    monkeypatch.setattr(costs, "_finishing_cost", lambda *_: None)
    plugins = load_plugins()
    for seed in (0, 1):
        request = PhotosRequest(photos=photos, size=8, seed=seed)
        asked_for = request.run_request(["weights-only", "random"])
        found = costs.costs_of(plugins, asked_for, 12, request.cache_root, print)
        assert [each.error for each in found] == ["not now"] * 2
    assert asked[0] == asked[1]


def test_what_finishing_needs_is_estimated_once(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A derived network's cost is traced, kept beside the method's own, and found again."""
    request = PhotosRequest(photos=photos, size=8, channels=4, epochs=4)
    asked_for = request.run_request(["weights-only[engine=streamed]"])
    plugins = load_plugins()
    (first,) = costs.costs_of(plugins, asked_for, 2, request.cache_root, print)
    assert first.peak_bytes
    monkeypatch.setattr(costs, "trace", None)  # nothing is traced again
    (again,) = costs.costs_of(plugins, asked_for, 2, request.cache_root, print)
    assert again == first
