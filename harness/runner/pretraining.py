"""The offline stage: meta-epochs over tasks of the training classes, and the file they leave."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping
from itertools import count, takewhile
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.contracts import (
    Adaptation,
    Dataset,
    PretrainedMethod,
    SearchContext,
    SearchMethod,
    StepMetrics,
)
from harness.experiment.budget import Budget
from harness.experiment.record import CurvePoint, Outcome, TrialError, Used
from harness.plugins.loading import Plugins
from harness.runner.checkpoint import (
    Checkpoint,
    Progress,
    read_partial,
    remove_partial,
    write_checkpoint,
    write_partial,
)
from harness.runner.job import PretrainingJob
from harness.runner.limits import NotFiniteError
from harness.runner.meta_tasks import meta_task
from harness.runner.opening import create, open_dataset
from harness.runner.seeding import INITIAL_WEIGHTS, seed_generators
from harness.runner.team import ALONE, Place
from harness.runner.threads import choose_threads
from harness.runner.validation import is_point, validate

__all__ = ["run_pretraining"]

SAVE_EVERY_S = 20.0  # with the task under way, what a kill may cost

Send = Callable[[dict[str, Any]], None]


class Pretrainable(SearchMethod, PretrainedMethod, Protocol):
    """A search method that can be pretrained."""


class MethodName(NamedTuple):
    """What a method is made from."""

    name: str
    params: dict[str, Any]


def run_pretraining(
    plugins: Plugins, job: PretrainingJob, send: Send, place: Place = ALONE
) -> Outcome:
    """Do the pretraining of a job, from where a killed one has left it, and write its checkpoint.

    A team of processes does so together, each of which calls this in its `place`.

    A method that cannot be pretrained leaves none, and has used no meta-epoch.
    """
    name = MethodName(job.pretraining.method.name, job.params)
    try:
        method = create(plugins, "method", name)
        if not isinstance(method, PretrainedMethod):
            return Outcome(status="ok")
        dataset = open_dataset(plugins, job.pretraining.dataset, job)
        stage = Stage(job, dataset, lambda: create(plugins, "method", name), send, place)
        stage.run(cast(Pretrainable, method))
    except Exception as error:
        traceback.print_exc()
        message = str(error) or type(error).__name__
        failure = TrialError(type=type(error).__name__, message=message, stage="pretraining")
        return Outcome(status="error", error=failure)
    done = stage.progress
    used = Used(meta_epochs=done.meta_epochs, warmup_epochs=done.warmup_epochs)
    return Outcome(status="ok", used=used)


class Stage:
    """One pretraining under way.

    A task depends on the meta parameters and on its number alone, since all generators are seeded
    for it. So a resumed stage ends with the same tensors as an unbroken one.
    """

    def __init__(
        self,
        job: PretrainingJob,
        dataset: Dataset,
        create_method: Callable[[], SearchMethod],
        send: Send,
        place: Place = ALONE,
    ) -> None:
        """Take up what an earlier process has left."""
        self.place = place
        self.pretraining, self.path = job.pretraining, job.checkpoint
        self.device = torch.device(job.torch_device)
        self.dataset, self.create_method, self.send = dataset, create_method, send
        budget = job.pretraining.budget
        choose_threads(budget.meta_batch, dataset.image_shape, budget.channels)
        # Only the leader reads: by the time that another has started, it may have written anew.
        saved = place.broadcast(read_partial(self.path, self.pretraining) if place.leads else None)
        self.progress = saved.progress if saved else Progress()
        self.state = _tensors(saved.state) if saved else None
        adapted = map(_tensors, saved.adapted) if saved else ()
        self.adapted: dict[int, Mapping[str, Tensor]] = dict(enumerate(adapted))
        self.earlier_s = self.progress.seconds
        self.started = self.saved = time.monotonic()

    def run(self, method: Pretrainable) -> None:
        """Run what is left of the meta-epochs and write the checkpoint."""
        self.generator = seed_generators(self.pretraining.seed, INITIAL_WEIGHTS)
        method.build(self._context(initial_state=self.state, generator=self.generator))
        self.send({"event": "pretraining", "meta_epoch": self.progress.meta_epochs})
        while self.progress.meta_epochs < self.pretraining.budget.meta_epochs:
            self._meta_epoch(method)
        if self.place.leads:
            write_checkpoint(self.path, self._checkpoint(method))
            remove_partial(self.path)

    def _meta_epoch(self, method: Pretrainable) -> None:
        progress, budget = self.progress, self.pretraining.budget
        metrics = StepMetrics(loss=math.nan, accuracy=math.nan)
        for index in self.place.own(range(len(self.adapted), budget.meta_tasks)):
            self.adapted[index], metrics = self._learn(method, index)
            self._save_if_due(method)
        method.meta_update(self._share())
        self.adapted = {}
        progress.warmup_epochs += progress.meta_epochs < budget.warmup_epochs
        progress.meta_epochs += 1
        self._validate(method)
        self._save_if_due(method)
        self.send({"event": "meta-epoch", "meta_epoch": progress.meta_epochs, **metrics})

    def _share(self) -> list[Mapping[str, Tensor]]:
        """Return what all tasks of the meta-epoch have led to, whichever process learned them."""
        own = {index: _arrays(tensors) for index, tensors in self.adapted.items()}
        return [_tensors(arrays) for arrays in self.place.gather(own).values()]

    def _learn(self, method: Pretrainable, index: int) -> Adaptation:
        epoch, seed = self.progress.meta_epochs, self.pretraining.seed
        task = meta_task(self.pretraining, self.dataset, epoch, index, self.device)
        seed_generators(seed, "meta-epoch", epoch, index, generator=self.generator)
        adaptation = method.adapt(task)
        loss = adaptation.metrics["loss"]
        if not math.isfinite(loss):
            raise NotFiniteError(
                f"the loss became {loss} in meta-epoch {epoch + 1}, task {index + 1}"
            )
        return adaptation

    def _validate(self, method: Pretrainable) -> None:
        done = self.progress.meta_epochs
        if self.place.leads and is_point(self.pretraining.budget, done):
            measured = validate(
                self.pretraining,
                self.dataset,
                self.create_method,
                self._context,
                method.state_dict(),
            )
            if measured is not None:
                loss, accuracy = measured
                self.progress.curve.append(
                    CurvePoint(meta_epoch=done, loss=loss, accuracy=accuracy)
                )

    def _context(self, **given: Any) -> SearchContext:
        """Say what method is told of the stage; `given` are the state, the generator, and so on."""
        budget = self.pretraining.budget
        told: dict[str, Any] = {
            "image_shape": self.dataset.image_shape,
            "classes": self.pretraining.ways,
            "channels": budget.channels,
            "budget": Budget(search_steps=budget.meta_steps, **budget.model_dump()),
            "steps": budget.meta_steps,
            "device": self.device,
            "pretraining": True,
        }
        return SearchContext(**{**told, **given})

    def _save_if_due(self, method: Pretrainable) -> None:
        if self.place.leads and time.monotonic() - self.saved >= SAVE_EVERY_S:
            write_partial(self.path, self._checkpoint(method))
            self.saved = time.monotonic()

    def _checkpoint(self, method: Pretrainable) -> Checkpoint:
        self.progress.seconds = self.earlier_s + time.monotonic() - self.started
        # Those from the first on; what other processes have learned comes at the end of them all.
        first = list(takewhile(self.adapted.__contains__, count()))
        self.progress.tasks = len(first)
        adapted = [_arrays(self.adapted[index]) for index in first]
        state = _arrays(method.state_dict())
        return Checkpoint(self.pretraining, self.progress, state, adapted)


def _tensors(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, Tensor]:
    return {name: torch.tensor(array) for name, array in arrays.items()}


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[np.generic]]:
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
