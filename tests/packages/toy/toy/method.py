"""A linear classifier that misbehaves on demand, and its pretrained twin."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from harness.contracts import Adaptation, MetaTask, SearchBatch, SearchContext, StepMetrics
from harness.space.genotype import Edge, Genotype

from .parameters import LearnerParameters, ToyParameters

NODES = tuple((Edge(0, "conv_3x3"), Edge(1, "skip_connect")) for _ in range(3))


class Toy:
    """In search step `at` it does what `does` says."""

    def __init__(self, parameters: ToyParameters) -> None:
        self.does, self.at, self.steps = parameters.does, parameters.at, 0

    def build(self, context: SearchContext) -> None:
        size = context.image_shape[0] * context.image_shape[1] * context.image_shape[2]
        self.head = torch.nn.Linear(size, context.classes).to(context.device)

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        self.steps += 1
        if self.steps == self.at:
            getattr(self, "do_" + self.does)()
        loss = right = count = 0.0
        for batch in batches:
            logits = self.predict(batch.weights.images)
            step = torch.nn.functional.cross_entropy(logits, batch.weights.labels)
            (gradient,) = torch.autograd.grad(step, [self.head.weight])
            with torch.no_grad():
                self.head.weight -= 0.1 * gradient
            loss, count = float(step.detach()), count + len(logits)
            right += int((logits.argmax(1) == batch.weights.labels).sum())
        if self.does == "nan" and self.steps == self.at:
            loss = float("nan")
        if self.does == "twice":
            list(batches)
        return {"loss": loss, "accuracy": 100 * right / count}

    def do_well(self) -> None:
        pass

    do_nan = do_twice = do_well

    def do_raise(self) -> None:
        raise ValueError("a method's own mistake")

    def do_exit(self) -> None:
        os._exit(7)

    def do_die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_hang(self) -> None:
        time.sleep(600)

    def do_print(self) -> None:
        print("seen in the log")  # noqa: T201 - it is what a test looks for

    def do_hog(self) -> None:
        self.hoard = torch.zeros(2**28)

    def do_swallow(self) -> None:
        with suppress(torch.OutOfMemoryError):
            torch.zeros(2**28)

    def architecture(self) -> Genotype:
        return Genotype(normal=NODES, reduction=NODES)

    def predict(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flatten(1))
        return logits

    def state_dict(self) -> Mapping[str, Tensor]:
        return self.head.state_dict()


class Learner(Toy):
    """Can be pretrained; in each task of that it does what `offline` says."""

    def __init__(self, parameters: LearnerParameters) -> None:
        super().__init__(parameters)
        self.rate, self.offline = parameters.rate, parameters.offline
        self.meta: dict[str, Tensor] = {}

    def build(self, context: SearchContext) -> None:
        super().build(context)
        self.generator = context.generator
        if context.initial_state is not None:
            self.head.load_state_dict(dict(context.initial_state))
        if context.pretraining:
            self.meta = self.copied()

    def copied(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.head.state_dict().items()}

    def state_dict(self) -> Mapping[str, Tensor]:
        return self.meta or self.head.state_dict()

    def adapt(self, task: MetaTask) -> Adaptation:
        self.head.load_state_dict(self.meta)
        metrics = [self.search_step(batches) for batches in task.steps][-1]
        noise = torch.randn((), generator=self.generator) + torch.randn(())
        with torch.no_grad():
            self.head.bias.add_(0.01 * noise * (0 if task.warm_up else 1))
        if self.offline == "nan":
            metrics["loss"] = float("nan")
        if self.offline == "slow":
            time.sleep(0.1)
        if self.offline == "hang":
            time.sleep(600)
        if self.offline == "raise":
            raise ValueError("an offline mistake")
        return Adaptation(self.copied(), metrics)

    def meta_update(self, adapted: Sequence[Mapping[str, Tensor]]) -> None:
        self.meta = {
            name: value.add(
                torch.stack([task[name] - value for task in adapted]).mean(0), alpha=self.rate
            )
            for name, value in self.meta.items()
        }
