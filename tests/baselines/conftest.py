"""What the tests of the baselines share: tiny trials, every method by its name, its search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch

from harness.contracts import Batch, SearchBatch, SearchContext, SearchMethod
from harness.experiment.budget import Budget
from harness.plugins.loading import load_plugins
from harness.plugins.selection import recreate
from harness.plugins.spaces import evaluating_score
from harness.space.spec import SearchSpace


@pytest.fixture(scope="session")
def make_context(small_space: SearchSpace) -> Callable[..., SearchContext]:
    """Return `make_context(size=8, steps=4, channels=4, space=small_space)`, which seeds torch.

    `size` is one number, or height and width.
    """

    def make_context(
        size: int | tuple[int, int] = 8,
        steps: int = 4,
        channels: int = 4,
        space: SearchSpace = small_space,
    ) -> SearchContext:
        torch.manual_seed(0)
        height, width = (size, size) if isinstance(size, int) else size
        return SearchContext(
            image_shape=(1, height, width),
            classes=3,
            channels=channels,
            budget=Budget(search_steps=steps),
            steps=steps,
            device=torch.device("cpu"),
            generator=torch.Generator().manual_seed(0),
            space=space,
        )

    return make_context


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., SearchBatch]:
    """Return `make_batch(images=6, size=8, seed=1)`: one batch for both updates."""

    def make_batch(images: int = 6, size: int | tuple[int, int] = 8, seed: int = 1) -> SearchBatch:
        generator = torch.Generator().manual_seed(seed)
        height, width = (size, size) if isinstance(size, int) else size
        batch = Batch(
            torch.randn((images, 1, height, width), generator=generator), torch.arange(images) % 3
        )
        return SearchBatch(batch, batch)

    return make_batch


@pytest.fixture(scope="session")
def build() -> Callable[..., SearchMethod]:
    """Return `build(name, context, **parameters)`, which finds a method as the harness does."""

    def build(name: str, context: SearchContext, **parameters: object) -> SearchMethod:
        plugins = load_plugins()
        selection = recreate(plugins, "method", name, parameters)
        method: SearchMethod = selection.create()
        method.build(replace(context, score=evaluating_score(plugins, selection)))
        return method

    return build


@pytest.fixture(scope="session")
def search(
    build: Callable[..., SearchMethod],
    make_context: Callable[..., SearchContext],
    make_batch: Callable[..., SearchBatch],
) -> Callable[[str], SearchMethod]:
    """Return `search(name)`, which has a method do a search of two steps of two batches."""

    def search(name: str) -> SearchMethod:
        method = build(name, make_context(steps=2))
        for _ in range(2):
            method.search_step([make_batch(), make_batch(seed=2)])
        return method

    return search


@pytest.fixture(scope="session")
def searched(search: Callable[[str], SearchMethod]) -> Callable[[str], SearchMethod]:
    """Return `searched(name)`: the same, done once for all tests, which must not change it."""
    return cache(search)
