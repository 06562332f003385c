"""Random search: what it draws, how it shares the steps, and which candidate it keeps."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
import torch
from harness_baselines.one_shot import random_genotype
from torch import Tensor

from harness.contracts import Batch, SearchBatch, SearchContext
from harness.experiment.setting import Recipe
from harness.space.spec import CELL_KINDS, NODES, OPERATIONS, edge_pairs

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]


def test_every_architecture_is_equally_likely() -> None:
    """Each choice of a node comes up as often as any other, and no two depend on each other."""
    generator, draws = torch.Generator().manual_seed(0), 6_000
    genotypes = [random_genotype(generator) for _ in range(draws)]
    for kind in CELL_KINDS:
        for node in range(NODES):
            chosen = [getattr(genotype, kind)[node] for genotype in genotypes]
            pairs = Counter((first.input, second.input) for first, second in chosen)
            operations = Counter((first.operation, second.operation) for first, second in chosen)
            assert set(pairs) == set(edge_pairs(node))
            for counts, outcomes in ((pairs, len(edge_pairs(node))), (operations, 49)):
                expected = draws / outcomes
                deviation = math.sqrt(expected * (1 - 1 / outcomes))
                assert len(counts) == outcomes
                assert all(abs(n - expected) < 4.5 * deviation + 1e-9 for n in counts.values())
    across = Counter((g.normal[0][0].operation, g.reduction[2][1].operation) for g in genotypes)
    assert len(across) == len(OPERATIONS) ** 2


def search(method: Any, steps: int, batches: list[SearchBatch]) -> list[Any]:
    """Do the steps; return the candidate that each of them trained."""
    trained = []
    for _ in range(steps):
        method.search_step(batches)
        trained.append(method.candidate)
    return trained


@pytest.mark.parametrize(
    ("steps", "candidates", "shares"),
    [(10, 4, [3, 2, 3, 2]), (8, 4, [2, 2, 2, 2]), (3, 4, [1, 1, 1]), (5, 1, [5])],
)
def test_candidates_share_the_steps(
    steps: int,
    candidates: int,
    shares: list[int],
    build: Any,
    make_context: MakeContext,
    make_batch: MakeBatch,
) -> None:
    """Steps are split among the candidates evenly, one after another, and none is left over."""
    method = build("random", make_context(steps=steps), candidates=candidates)
    trained = search(method, steps, [make_batch()])
    assert [len(list(run)) for _, run in groupby(trained, key=id)] == shares
    assert all(math.isfinite(candidate.loss) for candidate in trained)


@pytest.mark.parametrize("by_recipe", [True, False])
def test_the_schedule_is_over_a_candidates_steps(
    by_recipe: bool, build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Each candidate starts at the whole rate, which falls over the steps that are its own."""
    given = {} if by_recipe else {"schedule": "cosine", "weight_lr": 0.1}
    recipe = Recipe(schedule="cosine", weight_lr=0.1) if by_recipe else Recipe()
    context = replace(make_context(steps=5), recipe=recipe)
    method, rates = build("random", context, candidates=2, **given), []
    for _ in range(5):
        method.search_step([make_batch()])
        rates.append(method.optimizer.lr)
    assert rates == pytest.approx([0.1, 0.075, 0.025, 0.1, 0.05])


@pytest.mark.parametrize("losses", [[3.0, 1.0, 2.0], [1.0, 1.0, 2.0], [3.0, 2.0, 1.0]])
def test_the_best_by_its_held_out_loss_is_kept(
    losses: list[float],
    build: Any,
    make_context: MakeContext,
    make_batch: MakeBatch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Architecture, predictions and state are those of the candidate with the lowest loss."""
    method, rest = build("random", make_context(steps=6), candidates=3), iter(losses)
    monkeypatch.setattr(method, "_mean_loss", lambda _: next(rest))
    trained = search(method, 6, [make_batch()])
    best = trained[2 * losses.index(min(losses))]
    images = make_batch(seed=3).weights.images
    assert [candidate.loss for candidate in trained[::2]] == losses
    assert method.architecture() is best.genotype
    assert torch.equal(method.predict(images), best.network.eval()(images))
    assert all(
        value.data_ptr() == best.network.state_dict()[name].data_ptr()
        for name, value in method.state_dict().items()
    )


def test_held_out_images_are_never_trained_on(
    build: Any, make_context: MakeContext, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What judges a candidate is no part of what any step trained, in whatever order it came."""
    method = build("random", make_context(steps=4), candidates=2)
    trained: list[Tensor] = []
    judged: list[Tensor] = []
    update, mean_loss = method._update, method._mean_loss

    def watch_update(batch: Batch) -> Any:
        trained.extend(batch.images)
        return update(batch)

    def watch_loss(batches: list[Batch]) -> Any:
        judged.extend(image for batch in batches for image in batch.images)
        return mean_loss(batches)

    monkeypatch.setattr(method, "_update", watch_update)
    monkeypatch.setattr(method, "_mean_loss", watch_loss)
    parts = zip(make_batch(9).weights, make_batch(6, seed=2).weights, strict=True)
    images, labels = map(torch.cat, parts)
    for _ in range(4):
        order = torch.randperm(15)
        cut = [Batch(images[each], labels[each]) for each in (order[:9], order[9:])]
        method.search_step([SearchBatch(part, part) for part in cut])
    assert len(judged) == 2 * 3  # three classes, once for each candidate
    assert len(trained) == 4 * (9 + 6 - 3)
    assert not any(torch.equal(one, other) for one in judged for other in trained)


def test_one_shot_is_judged_by_its_training_loss(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Where nothing can be held out, a candidate's loss is that of its last step."""
    method = build("random", make_context(steps=4), candidates=2)
    losses = [method.search_step([make_batch(images=3)])["loss"] for _ in range(4)]
    assert method.best.loss == min(losses[1], losses[3])


def test_the_held_out_loss_is_by_hand(build: Any, make_context: MakeContext) -> None:
    """The mean is over images, not over batches of different sizes."""

    class Fixed(torch.nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)

    method = build("random", make_context())
    method.candidate.network = Fixed()
    certain, even = torch.tensor([[[[50.0, 0.0]]]]), torch.zeros(3, 1, 1, 2)
    batches = [Batch(certain, torch.tensor([0])), Batch(even, torch.tensor([0, 1, 1]))]
    assert method._mean_loss(batches) == pytest.approx(math.log(2) * 3 / 4)
