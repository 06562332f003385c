"""Which operations and edge pairs a search step updates (On-NAS, Eq. 8 and 9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from harness.space.selection import NodeSelection, Selection, select_node
from harness.space.spec import CELL_KINDS, NODES, CellKind

__all__ = ["best", "draw_selection", "random_subset", "selection_masks"]

Choose = Callable[[Sequence[float], int], list[bool]]


def draw_selection(  # noqa: PLR0913 - what the paper's procedure has parameters for
    expected: Sequence[Tensor],
    *,
    operations: int,
    pairs: int | None,
    explore: float,
    through: bool,
    generator: torch.Generator,
) -> Selection:
    """Select operations on each edge and edge pairs at each node, for the updates of one batch.

    With probability `explore` all of them are drawn at random, else those with the largest
    expectations are taken: one draw decides for both, as the paper has one variable B.
    A node with fewer pairs than asked for takes all it has. What is selected on an edge that no
    selected pair holds is not updated.

    Args:
        expected: E[α_f] and E[β_f], in the order of `Supernet.architecture_parameters`.
        operations: q, how many on each edge.
        pairs: g, how many at each node; None for all.
        explore: p, the probability of a random selection.
        through: whether gradients pass through what is not selected.
        generator: draws, on the CPU.
    """
    explores = torch.rand((), generator=generator).item() < explore
    choose = random_subset(generator) if explores else best
    rest = iter(expected)
    alpha = {kind: [next(rest).tolist() for _ in range(NODES)] for kind in CELL_KINDS}
    beta = {kind: [next(rest).tolist() for _ in range(NODES)] for kind in CELL_KINDS}

    def select(kind: CellKind, node: int) -> NodeSelection:
        rows = [choose(row, operations) for row in alpha[kind][node]]
        scores = beta[kind][node]
        return select_node(node, rows, choose(scores, len(scores) if pairs is None else pairs))

    nodes = {kind: [select(kind, node) for node in range(NODES)] for kind in CELL_KINDS}
    return Selection(nodes, through)


def selection_masks(selection: Selection, device: torch.device) -> list[Tensor]:
    """Return what is selected as boolean masks of α and β.

    They come in the order of `Supernet.architecture_parameters`.
    """
    nodes = [node for kind in CELL_KINDS for node in selection.nodes[kind]]
    marks = [*(node.operations for node in nodes), *(node.pairs for node in nodes)]
    return [torch.tensor(mark, device=device) for mark in marks]


def best(scores: Sequence[float], count: int) -> list[bool]:
    """Mark the `count` largest scores; of equals the first."""
    ranked = sorted(range(len(scores)), key=lambda i: -scores[i])
    return _mark(ranked[:count], len(scores))


def random_subset(generator: torch.Generator) -> Choose:
    """Return a function that marks `count` of the places at random, whatever the scores."""

    def choose(scores: Sequence[float], count: int) -> list[bool]:
        shuffled = torch.randperm(len(scores), generator=generator).tolist()
        return _mark(shuffled[:count], len(scores))

    return choose


def _mark(places: Sequence[int], size: int) -> list[bool]:
    return [place in places for place in range(size)]
