"""A process that learns tasks of a pretraining which another process, somewhere, is at."""

from __future__ import annotations

import traceback
from multiprocessing.connection import Connection
from typing import cast

import torch

from harness.plugins.loading import Plugins
from harness.pretraining.inner_loop import Learning, MethodName, Pretrainable, failure_of
from harness.pretraining.meta_task_request import Learned, Lessons, received
from harness.results.record import Outcome
from harness.runtime.arrays import arrays_of, pack, tensors_of, unpack
from harness.runtime.job import LessonsJob
from harness.trials.factory import create, open_dataset, open_device

__all__ = ["run_lessons"]


def run_lessons(plugins: Plugins, job: LessonsJob, asked: Connection) -> Outcome:
    """Learn what is asked for, until nobody asks any more.

    Args:
        plugins: have the method and the data set.
        job: says which pretraining it is.
        asked: gives `Lessons`, and takes a `Learned` for each of their tasks.
    """
    try:
        device = torch.device(open_device(plugins, job.device).torch_device())
        dataset = open_dataset(plugins, job.pretraining.dataset, job)
        learning = Learning(job.pretraining, dataset, device)
        name = MethodName(job.pretraining.method.name, job.params)
        while (lessons := received(asked)) is not None:
            # Anew, so that nothing is left of tasks before: others may have learned those.
            method = cast(Pretrainable, create(plugins, "method", name))
            _learn(learning, method, lessons, asked)
    except Exception as error:
        traceback.print_exc()
        return failure_of(error)
    return Outcome(status="ok")


def _learn(learning: Learning, method: Pretrainable, lessons: Lessons, asked: Connection) -> None:
    learning.build(method, tensors_of(unpack(lessons.state), learning.device))
    for task in lessons.tasks:
        parameters, metrics = learning.learn(method, lessons.meta_epoch, task)
        asked.send(Learned(task, pack(arrays_of(parameters)), metrics))
