"""Selects what an update moves, by what α and β are expected to become (On-NAS, Eq. 7 to 9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from harness.space.mixing import NodeSelection, UpdateSelection, select_node
from harness.space.spec import CELL_KINDS, CellKind

__all__ = [
    "Trend",
    "best",
    "draw_selection",
    "expected_final",
    "random_subset",
    "selection_masks",
]


def expected_final(value: Tensor, movements: Sequence[Tensor], remaining: int) -> Tensor:
    """Return E[α_f] ≈ α_j + (f − j)/t Σ of the last t movements, in the shape of `value`.

    With movements of −λ x gradient this is Eq. 7.

    Args:
        value: α_j, the parameter as it is now.
        movements: what each of the last t updates added to it; without any, the value is returned.
        remaining: f − j, updates to come.
    """
    value = value.detach()
    if not movements:
        return value
    return value + (remaining / len(movements)) * torch.stack(list(movements)).sum(dim=0)


class Trend:
    """Remembers how the last t updates have moved each parameter.

    Where the paper is silent: with fewer than t updates so far, t is their number; what an update
    did not select counts as not moved by it.
    """

    def __init__(self, parameters: Sequence[Tensor], length: int) -> None:
        """Remember `length` (t) updates of `parameters`."""
        self.parameters, self.length = list(parameters), length
        self._updates: list[list[Tensor]] = []
        self._count = 0

    def add(self, movements: Sequence[Tensor]) -> None:
        """Remember how an update has moved each parameter, and forget the one t updates ago.

        Memory for all t is allocated at the first one, so that it does not grow over time.
        """
        if not self._updates:
            self._updates = [list(map(torch.zeros_like, movements)) for _ in range(self.length)]
        for kept, movement in zip(self._updates[self._count % self.length], movements, strict=True):
            kept.copy_(movement)
        self._count += 1

    def expected(self, remaining: int) -> list[Tensor]:
        """Return what each parameter is expected to be after `remaining` more updates."""
        known = self._updates[: self._count]
        return [
            expected_final(parameter, [update[i] for update in known], remaining)
            for i, parameter in enumerate(self.parameters)
        ]


Choose = Callable[[Sequence[float], int], list[bool]]


def draw_selection(  # noqa: PLR0913 - what the paper's procedure has parameters for
    expected: Sequence[Tensor],
    *,
    operations: int,
    pairs: int | None,
    explore: float,
    through: bool,
    generator: torch.Generator,
) -> UpdateSelection:
    """Select operations on each edge and edge pairs at each node, for the updates of one batch.

    With probability `explore`, operations and pairs are drawn at random, else those with the
    largest expectations are taken: one draw decides for both, since the paper has one variable B. A
    node with fewer pairs than `pairs` takes all of them. Operations on an edge that is in no
    selected pair are not updated.

    Args:
        expected: E[α_f] and E[β_f], in the order of `Supernet.architecture_parameters`.
        operations: q, how many on each edge.
        pairs: g, how many at each node; None for all.
        explore: p, the probability of a random selection.
        through: whether gradients pass through what is not selected.
        generator: of the random draws, on the CPU.
    """
    explores = torch.rand((), generator=generator).item() < explore
    choose = random_subset(generator) if explores else best
    rest, count = iter(expected), len(expected) // (2 * len(CELL_KINDS))  # of nodes
    alpha = {kind: [next(rest).tolist() for _ in range(count)] for kind in CELL_KINDS}
    beta = {kind: [next(rest).tolist() for _ in range(count)] for kind in CELL_KINDS}

    def select(kind: CellKind, node: int) -> NodeSelection:
        rows = [choose(row, operations) for row in alpha[kind][node]]
        scores = beta[kind][node]
        return select_node(node, rows, choose(scores, len(scores) if pairs is None else pairs))

    nodes = {kind: [select(kind, node) for node in range(count)] for kind in CELL_KINDS}
    return UpdateSelection(nodes, through)


def selection_masks(selection: UpdateSelection, device: torch.device) -> list[Tensor]:
    """Return what is selected as boolean masks of α and β.

    They come in the order of `Supernet.architecture_parameters`.
    """
    nodes = [node for kind in CELL_KINDS for node in selection.nodes[kind]]
    marks = [*(node.operations for node in nodes), *(node.pairs for node in nodes)]
    return [torch.tensor(mark).to(device) for mark in marks]


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
