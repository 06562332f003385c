"""The tasks of pretraining, and those that its curve is measured on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from harness.contracts import Batch, Dataset, MetaTask, SearchBatch
from harness.experiment.pretraining import Pretraining, meta_setting
from harness.experiment.setting import FewShotSetting
from harness.runtime.seeding import seed_for
from harness.trials.few_shot import batches, draw

__all__ = ["meta_task", "validation_setting"]

VALIDATION = "val"
VALIDATION_SHOTS, VALIDATION_QUERIES = 5, 15  # figure 7 of the paper shows five shots


def meta_task(
    pretraining: Pretraining, dataset: Dataset, meta_epoch: int, index: int, device: torch.device
) -> MetaTask:
    """Return task `index` of a meta-epoch: the same images in the same order for every method.

    Each inner step goes through the task's images once, in an order of its own, in batches.
    """
    budget = pretraining.budget
    number = meta_epoch * budget.meta_tasks + index
    setting = meta_setting(pretraining.ways, budget.meta_shots)
    episode = draw(dataset, setting, pretraining.seed, number)
    random = np.random.default_rng(seed_for(pretraining.seed, "order of images", number))

    def steps() -> Iterator[list[SearchBatch]]:
        for _ in range(budget.meta_steps):
            order = random.permutation(len(episode.support_labels))
            images, labels = episode.support_images[order], episode.support_labels[order]
            yield [_both(batch) for batch in batches(images, labels, budget.meta_batch, device)]

    return MetaTask(steps=steps(), warm_up=meta_epoch < budget.warmup_epochs)


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


def _both(batch: Batch) -> SearchBatch:
    return SearchBatch(weights=batch, architecture=batch)
