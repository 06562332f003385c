"""The outer loop of pretraining: meta-epochs over training tasks, validation, the checkpoint."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count, takewhile
from statistics import fmean
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.contracts import (
    Adaptation,
    Dataset,
    PretrainedMethod,
    SearchMethod,
    StepMetrics,
)
from harness.experiment.outcome import CurvePoint, Outcome, Used
from harness.experiment.pretraining import MetaBudget, Pretraining
from harness.experiment.setting import FewShotSetting
from harness.loop.episode import MethodDriver, draw, run_episode
from harness.plugins.loading import Plugins
from harness.plugins.spaces import planned_space
from harness.pretraining.checkpoint import (
    Checkpoint,
    Progress,
    arrays_of,
    pack,
    read_partial,
    remove_partial,
    tensors_of,
    unpack,
    write_checkpoint,
    write_partial,
)
from harness.pretraining.inner_loop import InnerLoop, MethodName, Pretrainable, failure_of
from harness.runtime.determinism import seed_generators
from harness.runtime.factory import create, open_dataset
from harness.runtime.job import PretrainingJob
from harness.runtime.meta_tasks import MetaTaskRequest
from harness.runtime.process_group import ALONE, ProcessGroup

__all__ = ["is_point", "run_pretraining", "tasks_a_point", "validation_setting"]

# Validation must cost little beside the learning: one validation task for so many learned ones.
LEARNED_A_VALIDATION_TASK = 20
MOST_POINTS, FEWEST_TASKS, MOST_TASKS = 20, 4, 25

VALIDATION = "val"
VALIDATION_SHOTS, VALIDATION_QUERIES = 5, 15  # figure 7 of the paper shows five shots

SAVE_EVERY_S = 20.0  # a kill may cost this much work, and the task under way
Send = Callable[[dict[str, Any]], None]


def is_point(budget: MetaBudget, done: int) -> bool:
    """Tell whether the curve has a point after `done` meta-epochs.

    It has at most twenty points, evenly spread, and always one at the end.
    """
    points = _points(budget)
    return points * done // budget.meta_epochs > points * (done - 1) // budget.meta_epochs


def tasks_a_point(budget: MetaBudget) -> int:
    """Return how many validation tasks a point is the mean of; all points share the same tasks."""
    return min(MOST_TASKS, max(1, _validation_tasks(budget) // _points(budget)))


def _points(budget: MetaBudget) -> int:
    wanted = max(1, _validation_tasks(budget) // FEWEST_TASKS)
    return min(MOST_POINTS, wanted, budget.meta_epochs)


def _validation_tasks(budget: MetaBudget) -> int:
    return max(1, budget.meta_epochs * budget.meta_tasks // LEARNED_A_VALIDATION_TASK)


def _judge(answers: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Return the mean cross entropy and the percentage of images that are right."""
    each, each_labels = zip(*answers, strict=True)
    logits, labels = torch.cat([logits.detach() for logits in each]), torch.cat(each_labels)
    right = (logits.argmax(dim=1) == labels).float().mean()
    return float(cross_entropy(logits, labels)), 100.0 * float(right)


def validation_setting(pretraining: Pretraining, dataset: Dataset) -> FewShotSetting | None:
    """Return how validation tasks are posed: five shots, or fewer if classes have few images.

    None if the data set has no validation classes, or too few: then there is no curve.
    """
    summary = dataset.splits.get(VALIDATION)
    if summary is None or summary.classes < pretraining.ways or summary.images_per_class < 2:
        return None
    shots = min(VALIDATION_SHOTS, summary.images_per_class - 1)
    queries = min(VALIDATION_QUERIES, summary.images_per_class - shots)
    return FewShotSetting(split=VALIDATION, ways=pretraining.ways, shots=shots, queries=queries)


def run_pretraining(
    plugins: Plugins, job: PretrainingJob, send: Send, group: ProcessGroup = ALONE
) -> Outcome:
    """Do the pretraining of a job, resuming an interrupted one, and write its checkpoint.

    Every process of a group calls this. A method that cannot be pretrained ends well, without a
    checkpoint and without meta-epochs.
    """
    name = MethodName(job.pretraining.method.name, job.params)
    try:
        method = create(plugins, "method", name)
        if not isinstance(method, PretrainedMethod):
            return Outcome(status="ok")
        dataset = open_dataset(plugins, job.pretraining.dataset, job)
        device, space = (
            torch.device(job.torch_device),
            planned_space(plugins, job.pretraining.space),
        )
        learning = InnerLoop(job.pretraining, dataset, device, space)
        stage = PretrainingLoop(job, learning, lambda: create(plugins, "method", name), send, group)
        stage.run(cast(Pretrainable, method))
    except Exception as error:
        traceback.print_exc()
        return failure_of(error)
    done = stage.progress
    used = Used(meta_epochs=done.meta_epochs, warmup_epochs=done.warmup_epochs)
    return Outcome(status="ok", used=used)


class PretrainingLoop:
    """One pretraining that is running.

    A task depends only on the meta parameters and its number (see `InnerLoop`). So a resumed
    pretraining ends with the same tensors as an unbroken one, wherever its tasks are learned.
    """

    def __init__(
        self,
        job: PretrainingJob,
        learning: InnerLoop,
        create_method: Callable[[], SearchMethod],
        send: Send,
        group: ProcessGroup = ALONE,
    ) -> None:
        """Resume from what an earlier process has saved, if there is anything."""
        self.group = group
        self.pretraining, self.path = job.pretraining, job.checkpoint
        self.learning, self.device, self.dataset = learning, learning.device, learning.dataset
        self.create_method, self.send = create_method, send
        # Only the leader reads: when another process starts, the leader may have written again.
        saved = group.broadcast(
            read_partial(self.path, self.pretraining) if group.is_leader else None
        )
        self.progress = saved.progress if saved else Progress()
        self.state = tensors_of(saved.state, self.device) if saved else None
        adapted = [tensors_of(each, self.device) for each in saved.adapted] if saved else []
        self.adapted: dict[int, Mapping[str, Tensor]] = dict(enumerate(adapted))
        self.earlier_s = self.progress.seconds
        self.started = self.saved = time.monotonic()

    def run(self, method: Pretrainable) -> None:
        """Run what is left of the meta-epochs and write the checkpoint."""
        self.learning.build(method, self.state)
        self.send({"event": "pretraining", "meta_epoch": self.progress.meta_epochs})
        while self.progress.meta_epochs < self.pretraining.budget.meta_epochs:
            self._meta_epoch(method)
        if self.group.is_leader:
            write_checkpoint(self.path, self._checkpoint(method))
            remove_partial(self.path)

    def _meta_epoch(self, method: Pretrainable) -> None:
        progress, budget = self.progress, self.pretraining.budget
        metrics = StepMetrics(loss=math.nan, accuracy=math.nan)
        for index, adaptation in self._adaptations(method):
            self.adapted[index], metrics = adaptation
            self._save_if_due(method)
        method.meta_update(self._share())
        self.adapted = {}
        progress.warmup_epochs += progress.meta_epochs < budget.warmup_epochs
        progress.meta_epochs += 1
        self._validate(method)
        self._save_if_due(method)
        self.send({"event": "meta-epoch", "meta_epoch": progress.meta_epochs, **metrics})

    def _share(self) -> list[Mapping[str, Tensor]]:
        """Return the parameters that each task of the meta-epoch led to, from all processes."""
        own = {index: arrays_of(tensors) for index, tensors in self.adapted.items()}
        return [tensors_of(arrays, self.device) for arrays in self.group.all_gather(own).values()]

    def _adaptations(self, method: Pretrainable) -> Iterator[tuple[int, Adaptation]]:
        """Yield the adaptation of each remaining task of the meta-epoch, as it is learned."""
        tasks = range(len(self.adapted), self.pretraining.budget.meta_tasks)
        for index in self.group.learns(tasks):
            yield index, self._learn(method, index)
        for learned in self.group.fetch(lambda: self._request(method, tasks)):
            parameters = tensors_of(unpack(learned.parameters), self.device)
            yield learned.task, Adaptation(parameters, learned.metrics)

    def _request(self, method: Pretrainable, tasks: range) -> MetaTaskRequest:
        return MetaTaskRequest(
            self.progress.meta_epochs, tasks, pack(arrays_of(method.state_dict()))
        )

    def _learn(self, method: Pretrainable, index: int) -> Adaptation:
        return self.learning.learn(method, self.progress.meta_epochs, index)

    def _validate(self, method: Pretrainable) -> None:
        """Add a point to the curve, if it has one here; the group shares out its tasks, too."""
        done, budget = self.progress.meta_epochs, self.pretraining.budget
        if not is_point(budget, done):
            return
        setting = validation_setting(self.pretraining, self.dataset)
        if setting is None:
            return
        state, tasks = method.state_dict(), self.group.shard(range(tasks_a_point(budget)))
        own = {task: self._validated(setting, state, task) for task in tasks}
        judged = self.group.all_gather(own)
        loss, accuracy = (fmean(values) for values in zip(*judged.values(), strict=True))
        self.progress.curve.append(CurvePoint(meta_epoch=done, loss=loss, accuracy=accuracy))

    def _validated(
        self, setting: FewShotSetting, state: Mapping[str, Tensor], index: int
    ) -> tuple[float, float]:
        """Search on a validation task from `state`, and judge by its query images.

        Returns:
            Mean cross entropy, and the percentage of right answers.
        """
        seed = self.pretraining.seed
        generator = seed_generators(seed, "validation", index)
        # No device is known yet whose operations would take time.
        searching = self.learning.context(
            initial_state=state,
            generator=generator,
            pretraining=False,
            validation=True,
            batches=setting.batches,
            operation_latency=lambda *_: 0.0,
        )
        episode = draw(self.dataset, setting, seed, index)
        method = self.create_method()
        return _judge(
            run_episode(MethodDriver(seed), method, searching, episode, setting.batch_size)
        )

    def _save_if_due(self, method: Pretrainable) -> None:
        if self.group.is_leader and time.monotonic() - self.saved >= SAVE_EVERY_S:
            write_partial(self.path, self._checkpoint(method))
            self.saved = time.monotonic()

    def _checkpoint(self, method: Pretrainable) -> Checkpoint:
        self.progress.seconds = self.earlier_s + time.monotonic() - self.started
        # Only the tasks from the first without a gap: others may be with other processes.
        first = list(takewhile(self.adapted.__contains__, count()))
        self.progress.tasks = len(first)
        adapted = [arrays_of(self.adapted[index]) for index in first]
        state = arrays_of(method.state_dict())
        return Checkpoint(self.pretraining, self.progress, state, adapted)
