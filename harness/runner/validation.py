"""The curve of pretraining: how well tasks of the validation classes are learned from its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.contracts import Batch, Dataset, SearchBatch, SearchContext, SearchMethod
from harness.experiment.pretraining import Pretraining
from harness.runner.few_shot import batches, draw
from harness.runner.meta_tasks import validation_setting
from harness.runner.seeding import INITIAL_WEIGHTS, seed_generators

__all__ = ["POINTS", "is_point", "validate"]

POINTS = 10  # of a curve
MOST_TASKS = 4  # a point; fewer where a meta-epoch itself has fewer

Context = Callable[..., SearchContext]


def is_point(meta_epochs_done: int, meta_epochs: int) -> bool:
    """Tell whether the curve has a point here: ten of them, evenly spread, the last at the end."""
    return POINTS * meta_epochs_done // meta_epochs > POINTS * (meta_epochs_done - 1) // meta_epochs


def validate(
    pretraining: Pretraining,
    dataset: Dataset,
    create: Callable[[], SearchMethod],
    context: Context,
    state: Mapping[str, Tensor],
) -> tuple[float, float] | None:
    """Search from `state` on some validation tasks, as on the device, and judge by query images.

    Args:
        pretraining: says how many steps and ways.
        dataset: whose validation classes are used.
        create: makes the method.
        context: makes what it is told, from keywords that are not pretraining's own.
        state: what the method's `state_dict` has returned.

    Returns:
        Mean cross entropy and percentage of right answers; None without validation classes.
    """
    setting = validation_setting(pretraining, dataset)
    if setting is None:
        return None
    results = []
    for index in range(min(MOST_TASKS, pretraining.budget.meta_tasks)):
        method = create()
        generator = seed_generators(pretraining.seed, "validation", index)
        searching = context(initial_state=state, generator=generator, pretraining=False)
        seed_generators(pretraining.seed, INITIAL_WEIGHTS)
        method.build(searching)
        episode, device = draw(dataset, setting, pretraining.seed, index), searching.device
        images, labels = episode.support_images, episode.support_labels
        support = batches(images, labels, setting.batch_size, device)
        for _ in range(searching.steps):
            method.search_step([SearchBatch(batch, batch) for batch in support])
        images, labels = episode.query_images, episode.query_labels
        results.append(_judge(method, batches(images, labels, setting.batch_size, device)))
    loss, accuracy = (fmean(values) for values in zip(*results, strict=True))
    return loss, accuracy


def _judge(method: SearchMethod, queries: list[Batch]) -> tuple[float, float]:
    """Return the mean cross entropy and the percentage of images that are right."""
    logits = torch.cat([method.predict(images).detach() for images, _ in queries])
    labels = torch.cat([labels for _, labels in queries])
    right = (logits.argmax(dim=1) == labels).float().mean()
    return float(cross_entropy(logits, labels)), 100.0 * float(right)
