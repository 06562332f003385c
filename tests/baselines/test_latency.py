"""The latency term of ProxylessNAS by hand, and that it is asked of a cost model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from harness_baselines.paths import binary_gates, path_mixing
from harness_baselines.proxylessnas import expected_latency, latency_table

from harness.contracts import SearchBatch, SearchContext
from harness.errors import UsageError
from harness.space.spec import CELL_KINDS, CELLS, NODES, OPERATIONS, edge_count

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]
EDGES = [edge_count(node) for _ in CELL_KINDS for node in range(NODES)]


@pytest.mark.usefixtures("double_precision")
def test_the_gradient_is_that_of_the_expectation() -> None:
    """With p = (3/4, 1/4) of 2 s and 10 s the term is 2 s where the first is active, dE/dα ∓1.5."""
    alphas = [torch.zeros(edges, 7).requires_grad_() for edges in EDGES]
    with torch.no_grad():
        for alpha in alphas:
            alpha[:, 4] = torch.tensor(3.0).log()
    pairs = [torch.tensor([[4, 1]] * edges) for edges in EDGES]
    gates = [
        binary_gates(alpha, pair, torch.zeros(len(pair), 1, dtype=torch.int64), 1.0)
        for alpha, pair in zip(alphas, pairs, strict=True)
    ]

    def predict(cell: int, edge: int, operation: str) -> float:
        return {OPERATIONS[4]: 2.0, OPERATIONS[1]: 10.0}.get(operation, 1e6) * (cell < 2)

    term = expected_latency(path_mixing(gates, pairs), latency_table(predict, torch.device("cpu")))
    assert term.item() == 2 * 9 * 2.0  # two cells that take time, of nine edges each
    torch.autograd.backward(term)
    for alpha in alphas:
        assert alpha.grad is not None
        for row in alpha.grad.tolist():
            assert row == pytest.approx([0, 1.5, 0, 0, -1.5, 0, 0])


def test_a_table_asks_for_every_path() -> None:
    """The cost model is asked by cell, edge and operation."""
    table = latency_table(
        lambda cell, edge, operation: 100.0 * cell + 10 * edge + OPERATIONS.index(operation),
        torch.device("cpu"),
    )
    assert len(table) == len(CELLS)
    assert [node.shape for node in table[0]] == [(2, 7), (3, 7), (4, 7)]
    assert table[3][2][1, 6] == 316


def test_a_heavy_weight_finds_the_quick_operation(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Where latency is all that weighs, the quicker operation of a pair gains on every edge."""
    context = replace(make_context(), operation_latency=lambda *at: 1.0 + OPERATIONS.index(at[2]))
    method = build("proxylessnas", context, latency_weight=1e6)
    start = [alpha.detach().clone() for alpha in method.alphas]
    method.begin_step()
    method.update_architecture(make_batch().architecture)
    for alpha, old in zip(method.alphas, start, strict=True):
        for moved in alpha.detach() - old:
            quick, slow = moved.nonzero().flatten().tolist()
            assert moved[quick] > 0 > moved[slow]


def test_no_cost_model_no_latency_term(build: Any, make_context: MakeContext) -> None:
    """A term that nothing can predict is refused on the device; offline there is none."""
    with pytest.raises(UsageError, match="cost model"):
        build("proxylessnas", make_context(), latency_weight=0.5)
    offline = replace(make_context(), pretraining=True)
    assert build("proxylessnas", offline, latency_weight=0.5).seconds is None
