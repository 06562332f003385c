"""The inner loop of pretraining: a method learns tasks one by one, in whichever process."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from harness.contracts import (
    Adaptation,
    Dataset,
    MetaTask,
    PretrainedMethod,
    SearchBatch,
    SearchContext,
    SearchMethod,
)
from harness.experiment.budget import Budget
from harness.experiment.outcome import Outcome, TrialError
from harness.experiment.pretraining import Pretraining, meta_setting
from harness.loop.episode import batches, draw, for_both
from harness.loop.guards import NotFiniteError
from harness.plugins.loading import Plugins
from harness.plugins.spaces import planned_space
from harness.pretraining.checkpoint import arrays_of, pack, tensors_of, unpack
from harness.runtime.determinism import INITIAL_WEIGHTS, choose_threads, seed_for, seed_generators
from harness.runtime.factory import create, open_dataset, open_device
from harness.runtime.job import MetaWorkerJob
from harness.runtime.meta_tasks import MetaTaskRequest, MetaTaskResult, received
from harness.runtime.process_group import ProcessGroup
from harness.space.spec import SearchSpace

__all__ = [
    "InnerLoop",
    "MethodName",
    "Pretrainable",
    "failure_of",
    "meta_task",
    "run_meta_worker",
]


class Pretrainable(SearchMethod, PretrainedMethod, Protocol):
    """A search method that can be pretrained."""


class MethodName(NamedTuple):
    """Name and parameters, from which a method is made."""

    name: str
    params: dict[str, Any]


class InnerLoop:
    """Builds a method, and has it learn tasks one by one.

    The result of a task depends only on the meta parameters and the task's number, since all
    generators are seeded for each task.
    """

    def __init__(
        self, pretraining: Pretraining, dataset: Dataset, device: torch.device, space: SearchSpace
    ) -> None:
        """Choose the threads of this process; the method is not built yet."""
        self.space = space
        self.pretraining, self.dataset, self.device = pretraining, dataset, device
        budget = pretraining.budget
        choose_threads(budget.meta_batch, dataset.image_shape, budget.channels)

    def build(self, method: Pretrainable, state: Mapping[str, Tensor] | None) -> None:
        """Build the method from the state of an earlier one; None: from its initial state."""
        self._generator = seed_generators(self.pretraining.seed, INITIAL_WEIGHTS)
        method.build(self.context(initial_state=state, generator=self._generator))

    def learn(self, method: Pretrainable, meta_epoch: int, index: int) -> Adaptation:
        """Have a method that was built learn task `index` of a meta-epoch; both count from 0.

        Raises:
            NotFiniteError: the loss is not a finite number.
        """
        task = meta_task(self.pretraining, self.dataset, meta_epoch, index, self.device)
        seed = self.pretraining.seed
        seed_generators(seed, "meta-epoch", meta_epoch, index, generator=self._generator)
        adaptation = method.adapt(task)
        loss = adaptation.metrics["loss"]
        if not math.isfinite(loss):
            raise NotFiniteError(
                f"the loss became {loss} in meta-epoch {meta_epoch + 1}, task {index + 1}"
            )
        return adaptation

    def context(self, **given: Any) -> SearchContext:
        """Return what a method is built with; `given` adds the state, the generator and so on."""
        budget = self.pretraining.budget
        told: dict[str, Any] = {
            "image_shape": self.dataset.image_shape,
            "classes": self.pretraining.ways,
            "channels": budget.channels,
            "budget": Budget(search_steps=budget.meta_steps, **budget.model_dump()),
            "steps": budget.meta_steps,
            "device": self.device,
            "pretraining": True,
            "recipe": self.pretraining.recipe,
            "space": self.space,
        }
        return SearchContext(**{**told, **given})


def failure_of(error: Exception) -> Outcome:
    """Return the outcome of a pretraining that an exception has ended."""
    message = str(error) or type(error).__name__
    failure = TrialError(type=type(error).__name__, message=message, stage="pretraining")
    return Outcome(status="error", error=failure)


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
            yield for_both(batches(images, labels, budget.meta_batch, device))

    return MetaTask(steps=steps(), warm_up=meta_epoch < budget.warmup_epochs)


def run_meta_worker(
    plugins: Plugins,
    job: MetaWorkerJob,
    send: Callable[[dict[str, Any]], None],  # noqa: ARG001 - the process that asks reports
    group: ProcessGroup,
) -> Outcome:
    """Learn tasks on request, until the connection is closed.

    Args:
        plugins: have the method and the data set.
        job: says which pretraining it is.
        send: is not used.
        group: its connection brings one `MetaTaskRequest` after another, and takes a
            `MetaTaskResult` for each of their tasks.
    """
    (asked,) = group.connections
    try:
        device = torch.device(open_device(plugins, job.device).torch_device())
        dataset = open_dataset(plugins, job.pretraining.dataset, job)
        space = planned_space(plugins, job.pretraining.space)
        inner_loop = InnerLoop(job.pretraining, dataset, device, space)
        name = MethodName(job.pretraining.method.name, job.params)
        while (request := received(asked)) is not None:
            # A fresh method, so that no earlier task matters: others may have learned those.
            method = cast(Pretrainable, create(plugins, "method", name))
            _learn(inner_loop, method, request, asked)
    except Exception as error:
        traceback.print_exc()
        return failure_of(error)
    return Outcome(status="ok")


def _learn(
    inner_loop: InnerLoop, method: Pretrainable, request: MetaTaskRequest, asked: Connection
) -> None:
    inner_loop.build(method, tensors_of(unpack(request.state), inner_loop.device))
    for task in request.tasks:
        parameters, metrics = inner_loop.learn(method, request.meta_epoch, task)
        asked.send(MetaTaskResult(task, pack(arrays_of(parameters)), metrics))
