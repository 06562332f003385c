"""The curve of pretraining: how well tasks of the validation classes are learned from its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.contracts import Batch, Dataset, SearchBatch, SearchContext, SearchMethod
from harness.experiment.pretraining import MetaBudget, Pretraining
from harness.pretraining.meta_tasks import validation_setting
from harness.runtime.seeding import INITIAL_WEIGHTS, seed_generators
from harness.trials.few_shot import batches, draw

__all__ = ["is_point", "tasks_a_point", "validate"]

# A curve must not cost much beside what it is the curve of.
LEARNED_A_VALIDATION_TASK = 20
MOST_POINTS, FEWEST_TASKS, MOST_TASKS = 20, 4, 25

Context = Callable[..., SearchContext]


def is_point(budget: MetaBudget, done: int) -> bool:
    """Tell whether the curve has a point after `done` meta-epochs.

    It has at most twenty, evenly spread, and always one at the end.
    """
    points = _points(budget)
    return points * done // budget.meta_epochs > points * (done - 1) // budget.meta_epochs


def tasks_a_point(budget: MetaBudget) -> int:
    """Return how many tasks a point is the mean of, the same ones at every point."""
    return min(MOST_TASKS, max(1, _validation_tasks(budget) // _points(budget)))


def _points(budget: MetaBudget) -> int:
    wanted = max(1, _validation_tasks(budget) // FEWEST_TASKS)
    return min(MOST_POINTS, wanted, budget.meta_epochs)


def _validation_tasks(budget: MetaBudget) -> int:
    return max(1, budget.meta_epochs * budget.meta_tasks // LEARNED_A_VALIDATION_TASK)


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
    for index in range(tasks_a_point(pretraining.budget)):
        method = create()
        generator = seed_generators(pretraining.seed, "validation", index)
        # There is no device yet whose operations would take time.
        searching = context(
            initial_state=state,
            generator=generator,
            pretraining=False,
            operation_latency=lambda *_: 0.0,
        )
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
