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

@hookimpl
def harness_register_datasets(register):
    register("dots", "toy_data:Dots", summary="Random images, as many as it takes.")
"""

PARAMETERS = """
from pydantic import BaseModel

class ToyParameters(BaseModel, extra="forbid", frozen=True):
    does: str = "well"
    at: int = 3
"""

METHOD = """
import os, signal, time
import torch
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
            loss, count = float(step), count + len(logits)
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
"""

DATA = """
import hashlib
import numpy as np
from harness.contracts import Episode, SplitSummary

class Dots:
    kind, image_shape = "few-shot", (1, 8, 8)
    splits = {"test": SplitSummary(classes=20, images_per_class=40)}
    fingerprint = hashlib.sha256(b"dots").hexdigest()

    def prepare(self, request): return self

    def episode(self, split, *, ways, shots, queries, seed, index):
        random = np.random.default_rng([seed, index])
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
