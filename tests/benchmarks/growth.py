"""How memory and time of a pass grow with the space: cells, nodes, operations, images.

`python -m tests.benchmarks.growth FOLDER` measures and draws `growth.svg`, and prints the table.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pandas as pd
import torch

from harness.contracts import Batch
from harness.measure.memory import MemoryCounter
from harness.metrics import MIB
from harness.space.backpropagation import Engine, ordinary, streamed
from harness.space.spec import METANAS, CellKind
from harness.space.step_by_step import step_by_step
from harness.space.supernet import Supernet

__all__ = ["ENGINES", "Pass", "Space", "measured_pass"]

CLASSES = 5
ROUNDS = 3
ENGINES: dict[str, Engine] = {
    "ordinary": ordinary,
    "streamed": streamed,
    "step by step": step_by_step,
    "step by step, repeated": partial(step_by_step, phase_forward="repeated"),
}


class Space(NamedTuple):
    """The size of a search space, and of what it is searched with."""

    cells: int = 4
    nodes: int = 3
    operations: int = 7
    images: int = 5


class Pass(NamedTuple):
    """A forward and backward pass; memory is besides weights and their gradients."""

    activations_mib: float
    seconds: float


def measured_pass(engine: Engine, size: Space, channels: int, side: int, rounds: int = 0) -> Pass:
    """Count the memory of a pass, and time it `rounds` times after that.

    Args:
        engine: computes all gradients.
        size: of the space.
        channels: C.
        side: height and width of the images.
        rounds: 0 leaves the time out.
    """
    torch.manual_seed(0)
    operations = METANAS.operations[-size.operations :]
    normal: CellKind = "normal"
    space = replace(METANAS, operations=operations, cells=(normal,) * size.cells, nodes=size.nodes)
    net = Supernet(3, CLASSES, channels, space=space)
    images = torch.randn(size.images, 3, side, side)
    batch = Batch(images, torch.arange(size.images) % CLASSES)
    with MemoryCounter() as counter:
        counter.watch(net.parameters())
        weights = counter.live_bytes
        _run(engine, net, batch)
    seconds = [_timed(partial(_run, engine, net, batch)) for _ in range(rounds)]
    activations = (counter.peak_bytes - 2 * weights) / MIB
    return Pass(activations, median(seconds) if seconds else float("nan"))


def _run(engine: Engine, net: Supernet, batch: Batch) -> None:
    net.zero_grad()
    engine(net, batch, net.mixing())


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


SERIES: dict[str, list[Space]] = {
    "images": [Space(images=number) for number in (5, 10, 15, 20, 25)],
    "cells": [Space(cells=number) for number in (2, 4, 6, 8)],
    "nodes": [Space(nodes=number) for number in (1, 2, 3, 4)],
    "operations": [Space(operations=number) for number in (1, 3, 5, 7)],
}


def _measure_all(channels: int, side: int) -> pd.DataFrame:
    rows = []
    for what, sizes in SERIES.items():
        for size in sizes:
            for name, engine in ENGINES.items():
                found = measured_pass(engine, size, channels, side, ROUNDS)
                row = {"what": what, "number": getattr(size, what), "engine": name}
                rows.append({**row, "MiB": found.activations_mib, "seconds": found.seconds})
                print(*rows[-1].values(), sep="\t", file=sys.stderr)  # noqa: T201 - progress
    return pd.DataFrame(rows)


def _draw(frame: pd.DataFrame, path: Path) -> None:
    import matplotlib.pyplot as plt  # noqa: PLC0415 - the tests of growth draw nothing
    import seaborn as sns  # noqa: PLC0415 - as above

    figure, rows = plt.subplots(2, len(SERIES), figsize=(13, 6), sharey="row", layout="constrained")
    for row, (column, label) in zip(
        rows, (("MiB", "activations, MiB"), ("seconds", "seconds")), strict=True
    ):
        for axis, what in zip(row, SERIES, strict=True):
            part = frame[frame["what"] == what]
            sns.lineplot(
                part, x="number", y=column, hue="engine", style="engine", markers=True,
                palette="colorblind", ax=axis,
            )  # fmt: skip
            axis.set(xlabel=what, ylabel=label, yscale="log", xticks=sorted(set(part["number"])))
            lines, names = axis.get_legend_handles_labels()
            axis.get_legend().remove()
    figure.legend(lines, names, loc="outside upper center", ncols=len(ENGINES))
    figure.savefig(path, metadata={"Date": None})


def main(folder: Path) -> None:
    """Measure at C = 8 on 28x28 images, draw, and print a table."""
    torch.set_num_threads(1)
    frame = _measure_all(channels=8, side=28)
    _draw(frame, folder / "growth.svg")
    for column in ("MiB", "seconds"):
        table = frame.pivot_table(column, ["what", "number"], "engine")[list(ENGINES)]
        print(table.to_markdown(floatfmt=".3g"))  # noqa: T201 - it is a script


if __name__ == "__main__":
    main(Path(sys.argv[1]))
