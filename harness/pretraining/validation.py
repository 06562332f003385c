"""The curve of pretraining: how well tasks of the validation classes are learned from its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from statistics import fmean

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.contracts import Dataset, SearchContext, SearchMethod
from harness.experiment.pretraining import MetaBudget, Pretraining
from harness.experiment.setting import FewShotSetting
from harness.loop.episode import MethodDriver, draw, run_episode
from harness.runtime.determinism import seed_generators

__all__ = ["is_point", "tasks_a_point", "validate"]

# A curve must not cost much beside what it is the curve of.
LEARNED_A_VALIDATION_TASK = 20
MOST_POINTS, FEWEST_TASKS, MOST_TASKS = 20, 4, 25

VALIDATION = "val"
VALIDATION_SHOTS, VALIDATION_QUERIES = 5, 15  # figure 7 of the paper shows five shots

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
        context: makes the method's context from keywords that differ from pretraining's.
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
        # No device is known yet whose operations would take time.
        searching = context(
            initial_state=state,
            generator=generator,
            pretraining=False,
            operation_latency=lambda *_: 0.0,
        )
        driver = MethodDriver(pretraining.seed)
        episode = draw(dataset, setting, pretraining.seed, index)
        results.append(_judge(run_episode(driver, method, searching, episode, setting.batch_size)))
    loss, accuracy = (fmean(values) for values in zip(*results, strict=True))
    return loss, accuracy


def _judge(answers: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Return the mean cross entropy and the percentage of images that are right."""
    each, each_labels = zip(*answers, strict=True)
    logits, labels = torch.cat([logits.detach() for logits in each]), torch.cat(each_labels)
    right = (logits.argmax(dim=1) == labels).float().mean()
    return float(cross_entropy(logits, labels)), 100.0 * float(right)


def validation_setting(pretraining: Pretraining, dataset: Dataset) -> FewShotSetting | None:
    """Return how validation tasks are posed: as many images as their classes have, five shots.

    None where the data set has no validation classes, or too few of them: then there is no curve.
    """
    summary = dataset.splits.get(VALIDATION)
    if summary is None or summary.classes < pretraining.ways or summary.images_per_class < 2:
        return None
    shots = min(VALIDATION_SHOTS, summary.images_per_class - 1)
    queries = min(VALIDATION_QUERIES, summary.images_per_class - shots)
    return FewShotSetting(split=VALIDATION, ways=pretraining.ways, shots=shots, queries=queries)
