"""A small third-party plugin whose method can misbehave in every way a run must survive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

REGISTRATION = """
from harness import hookimpl

@hookimpl
def harness_register_methods(register):
    register("toy", "toy_method:Toy", parameters="toy_method_parameters:ToyParameters",
             summary="A linear classifier that misbehaves on demand.")
    register("learner", "toy_method:Learner", parameters="toy_method_parameters:LearnerParameters",
             summary="The same one, pretrained.")

@hookimpl
def harness_register_datasets(register):
    register("dots", "toy_data:Dots", summary="Random images, as many as it takes.")
"""

PARAMETERS = """
from pydantic import BaseModel, Field
from harness.fields import SEARCH_ONLY

class ToyParameters(BaseModel, extra="forbid", frozen=True):
    does: str = "well"
    at: int = 3

class LearnerParameters(ToyParameters):
    rate: float = 1.0
    offline: str = "well"
    only_search: int = Field(default=0, json_schema_extra=SEARCH_ONLY)
"""

METHOD = """
import os, signal, time
import torch
from harness.contracts import Adaptation
from harness.space.genotype import Edge, Genotype

NODES = tuple((Edge(0, "conv_3x3"), Edge(1, "skip_connect")) for _ in range(3))

class Toy:
    def __init__(self, parameters):
        self.does, self.at, self.steps = parameters.does, parameters.at, 0

    def build(self, context):
        size = context.image_shape[0] * context.image_shape[1] * context.image_shape[2]
        self.head = torch.nn.Linear(size, context.classes).to(context.device)

    def search_step(self, batches):
        self.steps += 1
        if self.steps == self.at:
            getattr(self, "do_" + self.does)()
        loss = right = count = 0.0
        for batch in batches:
            logits = self.predict(batch.weights.images)
            step = torch.nn.functional.cross_entropy(logits, batch.weights.labels)
            gradient, = torch.autograd.grad(step, [self.head.weight])
            with torch.no_grad():
                self.head.weight -= 0.1 * gradient
            loss, count = float(step.detach()), count + len(logits)
            right += int((logits.argmax(1) == batch.weights.labels).sum())
        if self.does == "nan" and self.steps == self.at:
            loss = float("nan")
        if self.does == "twice":
            list(batches)
        return {"loss": loss, "accuracy": 100 * right / count}

    def do_well(self): pass
    do_nan = do_twice = do_well
    def do_raise(self): raise ValueError("a method's own mistake")
    def do_exit(self): os._exit(7)
    def do_die(self): os.kill(os.getpid(), signal.SIGKILL)
    def do_hang(self): time.sleep(600)
    def do_print(self): print("seen in the log")
    def do_hog(self): self.hoard = torch.zeros(2**28)
    def do_swallow(self):
        try:
            torch.zeros(2**28)
        except torch.OutOfMemoryError:
            pass

    def architecture(self): return Genotype(normal=NODES, reduction=NODES)
    def predict(self, images): return self.head(images.flatten(1))
    def state_dict(self): return self.head.state_dict()

class Learner(Toy):
    def __init__(self, parameters):
        super().__init__(parameters)
        self.rate, self.offline = parameters.rate, parameters.offline

    def build(self, context):
        super().build(context)
        self.generator, self.meta = context.generator, None
        if context.initial_state is not None:
            self.head.load_state_dict(context.initial_state)
        if context.pretraining:
            self.meta = self.copied()

    def copied(self): return {k: v.clone() for k, v in self.head.state_dict().items()}

    def state_dict(self): return self.meta or self.head.state_dict()

    def adapt(self, task):
        self.head.load_state_dict(self.meta)
        metrics = [self.search_step(batches) for batches in task.steps][-1]
        noise = torch.randn((), generator=self.generator) + torch.randn(())
        with torch.no_grad():
            self.head.bias += 0.01 * noise * (0 if task.warm_up else 1)
        if self.offline == "nan":
            metrics["loss"] = float("nan")
        if self.offline == "slow":
            time.sleep(0.1)
        if self.offline == "hang":
            time.sleep(600)
        if self.offline == "raise":
            raise ValueError("an offline mistake")
        return Adaptation(self.copied(), metrics)

    def meta_update(self, adapted):
        self.meta = {
            k: v + self.rate * sum(task[k] - v for task in adapted) / len(adapted)
            for k, v in self.meta.items()
        }
"""

DATA = """
import hashlib
import numpy as np
from harness.contracts import Episode, SplitSummary

class Dots:
    kind, image_shape = "few-shot", (1, 8, 8)
    splits = {
        split: SplitSummary(classes=20, images_per_class=40) for split in ("train", "val", "test")
    }
    fingerprint = hashlib.sha256(b"dots").hexdigest()

    def prepare(self, request): return self

    def episode(self, split, *, ways, shots, queries, seed, index):
        random = np.random.default_rng([len(split), seed, index])
        centres = random.normal(size=(ways, 1, 1, 8, 8)).astype(np.float32)
        def drawn(count):
            noise = random.normal(size=(ways, count, 1, 8, 8)).astype(np.float32)
            labels = np.repeat(np.arange(ways), count)
            return (centres + 0.5 * noise).reshape(-1, 1, 8, 8), labels
        return Episode(*drawn(shots), *drawn(queries))
"""


@pytest.fixture
def toy_plugin(plugin_factory: Callable[[str, str], Path]) -> None:
    """Install the plugin `toy`: method `toy[does=...,at=...]` and data set `dots`."""
    folder = plugin_factory("toy", REGISTRATION)
    for name, source in [
        ("toy_method_parameters", PARAMETERS),
        ("toy_method", METHOD),
        ("toy_data", DATA),
    ]:
        (folder / f"{name}.py").write_text(source, encoding="utf-8")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, where the test runs, with an empty cache and no data root."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    return work
