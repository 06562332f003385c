"""How long single operations of the search space take on a device, as its cost model predicts."""

from __future__ import annotations

from functools import cache

import torch

from harness.contracts import OperationLatency
from harness.cost_model.prediction import predict_seconds
from harness.cost_model.profile import CostProfile
from harness.estimate.shapes import ShapeMode
from harness.estimate.stand_ins import StandIns
from harness.measure.memory import MemoryCounter
from harness.space.cell import edge_stride
from harness.space.operations import build_operation
from harness.space.topology import CELL_INPUTS, CELLS

__all__ = ["latency_of"]


def latency_of(
    cost: CostProfile, image_shape: tuple[int, int, int], channels: int
) -> OperationLatency:
    """Return a function that predicts the seconds of one operation for one image, forward only.

    Args:
        cost: what is known of the device.
        image_shape: channels, height, width.
        channels: C, the width of a cell.
    """

    @cache
    def seconds(cell: int, edge: int, operation: str) -> float:
        stride = edge_stride(CELLS[cell], edge)
        shape = (1, channels, *_grid(image_shape, cell, edge))
        shapes = ShapeMode(StandIns(torch.Generator()), MemoryCounter("meta"))
        with shapes, torch.no_grad(), torch.device("meta"):
            module = build_operation(operation, channels, stride)
            with shapes.counting() as kernels:
                module(torch.empty(shape))
        return predict_seconds(cost, kernels).value_s

    return seconds


def _grid(image_shape: tuple[int, int, int], cell: int, edge: int) -> tuple[int, int]:
    """Return height and width of what an edge reads: halved by each reduction cell before it.

    In a reduction cell, edges from nodes read what has been halved by the cell itself.
    """
    _, height, width = image_shape
    halvings = CELLS[:cell].count("reduction")
    halvings += CELLS[cell] == "reduction" and edge >= CELL_INPUTS
    for _ in range(halvings):
        height, width = -(-height // 2), -(-width // 2)
    return height, width
