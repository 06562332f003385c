"""The latency term of ProxylessNAS: what the device's cost model predicts for each path."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.contracts import OperationLatency
from harness.space.mixing import Mixing
from harness.space.spec import CELLS, NODES, OPERATIONS, edge_count

__all__ = ["expected_latency", "latency_table"]


def latency_table(
    predict: OperationLatency, device: torch.device, operations: Sequence[str] = OPERATIONS
) -> list[list[Tensor]]:
    """Return the predicted seconds of each operation: for each cell and node, (edges, operations).

    Args:
        predict: the cost model.
        device: where the tensors are to live.
        operations: of an edge, in the order of α's columns.
    """

    def of_node(cell: int, node: int) -> Tensor:
        edges = range(edge_count(node))
        rows = [[predict(cell, edge, operation) for operation in operations] for edge in edges]
        return torch.tensor(rows, device=device, dtype=torch.get_default_dtype())

    return [[of_node(cell, node) for node in range(NODES)] for cell in range(len(CELLS))]


def expected_latency(mixing: Mixing, seconds: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return Σ over edges and paths of gate x seconds (section 3.3).

    Its value is the latency of the active paths. Its gradient is that of the expected latency
    Σ p_j F(o_j) of the two paths drawn on each edge, as binary gates pass on gradients to p.

    Args:
        mixing: of binary gates.
        seconds: a `latency_table`, F.
    """
    cells = zip(mixing.cells, seconds, strict=True)
    nodes = [pair for nodes, of_cell in cells for pair in zip(nodes, of_cell, strict=True)]
    return torch.stack([(node.weights * of_node).sum() for node, of_node in nodes]).sum()
