"""Computes what claims need without a run: gradients of two engines, and the bytes of cells."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from harness.contracts import Batch
from harness.space.backpropagation import Engine, ordinary, split_batch, streamed
from harness.space.mixing import draw_drop_path
from harness.space.operations import PointwiseBlock
from harness.space.spec import CELL_INPUTS, METANAS, SearchSpace, edge_count, pair_count
from harness.space.step_by_step import step_by_step
from harness.space.supernet import Supernet

__all__ = ["cell_bytes", "largest_error"]


CHANNELS, CLASSES, IMAGES, SIZE = 4, 5, 15, 12
DROP_PATH = 0.2
SMALLEST_PART = 3  # images; batch norm leaves no gradient of fewer


def largest_error(
    engine: Literal["step_by_step", "streamed"],
    phase_forward: Literal["stored", "repeated"] = "stored",
    micro_batches: int = 1,
) -> float:
    """Return the largest relative difference of any parameter's gradient.

    It is the norm of the difference, divided by the norm of what ordinary back-propagation gives;
    infinite if one engine has a gradient and the other has none.

    Args:
        engine: `step_by_step` or `streamed`.
        phase_forward: of step by step, see `harness.space.step_by_step`.
        micro_batches: parts of the batch, whose gradients accumulate on both sides.
    """
    engines: dict[str, Engine] = {
        "step_by_step": partial(step_by_step, phase_forward=phase_forward),
        "streamed": streamed,
    }
    with _small_and_precise():
        torch.manual_seed(0)
        net = Supernet(1, CLASSES, CHANNELS)
        images = torch.randn(IMAGES, 1, SIZE, SIZE)
        batch = Batch(images, torch.arange(IMAGES) % CLASSES)
        reference = copy.deepcopy(net)
        for model, compute in ((net, engines[engine]), (reference, ordinary)):
            _accumulate(model, compute, batch, micro_batches)
        pairs = zip(net.parameters(), reference.parameters(), strict=True)
        return max(_error(found.grad, expected.grad) for found, expected in pairs)


def _accumulate(net: Supernet, engine: Engine, batch: Batch, micro_batches: int) -> None:
    """Add the gradients of all parts to the parameters; both engines meet the same drop path."""
    generator = torch.Generator().manual_seed(1)
    for part in split_batch(batch, micro_batches, SMALLEST_PART):
        images = len(part.labels)
        drop_path = draw_drop_path(images, DROP_PATH, generator)
        share = images / len(batch.labels)
        engine(net, part, net.mixing(1.0, drop_path=drop_path), share)


def _error(found: Tensor | None, expected: Tensor | None) -> float:
    if found is None or expected is None:
        return 0.0 if found is expected else float("inf")
    difference = float((found - expected).norm())
    return difference / float(expected.norm()) if difference else 0.0


@contextmanager
def _small_and_precise() -> Iterator[None]:
    """Compute in double precision and one thread; restore the settings afterwards."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(1)  # tensors are too small for two, which would wait for each other
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            torch.set_num_threads(threads)


FLOAT_BYTES = 4  # of float32


def cell_bytes(nodes: int, channels: int, space: SearchSpace = METANAS) -> int:
    """Return the bytes of a normal cell's w, α and β in float32.

    A reduction cell has more, by its skip connections of stride 2; these can start as the identity.

    Args:
        nodes: intermediate nodes of the cell.
        channels: C, the width of the cell; its inputs have `nodes` x C channels.
        space: says what operations an edge has.
    """
    edges = sum(map(edge_count, range(nodes)))
    with torch.device("meta"):
        modules = [
            PointwiseBlock(nodes * channels, channels, halve=False) for _ in range(CELL_INPUTS)
        ]
        operations = [space.build_operation(name, channels, stride=1) for name in space.operations]
    inputs = sum(_elements(each) for each in modules)
    edge = sum(_elements(each) for each in operations)
    alpha, beta = edges * len(space.operations), sum(map(pair_count, range(nodes)))
    return FLOAT_BYTES * (inputs + edges * edge + alpha + beta)


def _elements(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
