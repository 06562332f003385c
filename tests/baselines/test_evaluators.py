"""What a search without gradients evaluates by: a training, a score, or a supernet's weights."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.conformance.cost_rules import ESTIMATE_EQUALS_COUNT
from harness.conformance.judging import judge
from harness.conformance.rule import Address, Subject
from harness.contracts import SearchBatch, SearchContext
from harness.plugins.loading import load_plugins
from harness.plugins.selection import select
from harness.scores.zero_cost import synflow
from harness.space.deployed import DeployedNetwork
from harness.space.spec import METANAS

OTHERS = ("flops", "grad-norm", "naswot", "parameters", "snip", "training", "zen")
EVALUATORS = ["synflow", "weights", *(pytest.param(e, marks=pytest.mark.slow) for e in OTHERS)]

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_an_estimate_is_what_is_counted(evaluator: str, tmp_path: Path) -> None:
    """The peak memory of evaluations and training, from shapes alone, equals a trial's."""
    address = Address("method", f"evolution[evaluator={evaluator}]", None, tmp_path)
    verdict = judge(ESTIMATE_EQUALS_COUNT, Subject.at(address))
    assert verdict.status == "kept", verdict.came


@pytest.mark.parametrize(
    ("steps", "candidates", "evaluated"), [(10, 4, 4), (6, 4, 3), (3, 4, 1), (1, 4, 0)]
)
def test_scores_and_training_share_the_steps(
    steps: int,
    candidates: int,
    evaluated: int,
    build: Any,
    make_context: MakeContext,
    make_batch: MakeBatch,
) -> None:
    """An evaluation is a step, half are at most; then the best is trained, and nothing else."""
    method = build(
        "random", make_context(steps=steps), candidates=candidates, evaluator="parameters"
    )
    trained = []
    for _ in range(steps):
        trained.append(method.candidate.genotype)
        method.search_step([make_batch()])
    assert len(method.scored) == evaluated
    assert all(each == trained[-1] for each in trained[evaluated:])
    if evaluated:
        assert trained[-1] == min(method.scored, key=lambda each: each[0])[1]
    assert method.architecture() == trained[-1]


def test_a_score_trains_nothing(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """No weight moves and no optimizer has a state before the first step that trains."""
    method = build("evolution", make_context(steps=4), evaluator="synflow")
    before = [each.clone() for each in method.candidate.network.parameters()]
    network = method.candidate.network
    method.search_step([make_batch()])
    assert all(map(torch.equal, before, network.parameters()))
    assert not method.optimizer.state


def test_a_score_is_of_a_network_that_has_seen_nothing(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """No running statistic has moved when a candidate is scored."""
    method, batch = build("random", make_context(steps=4), evaluator="synflow"), make_batch()
    expected = synflow(deepcopy(method.candidate.network), *batch.weights)
    method.search_step([batch])
    assert method.scored == [(-expected, method.scored[0][1])]


def test_candidates_predict_with_the_weights_that_all_share(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """The supernet with an architecture's operations is the network that is derived of it."""
    method = build("evolution", make_context(steps=4), evaluator="weights")
    for _ in range(4):
        method.search_step([make_batch()])
    derived = method.derived()
    network = DeployedNetwork(derived.architecture)
    network.load_state_dict(dict(derived.tensors))
    images = make_batch(seed=3).weights.images
    assert torch.allclose(network.eval()(images), method.predict(images), atol=1e-5)
    assert method.evaluated == 2
    losses = [loss for _, loss in method.proposals.population]
    assert method.least == min(losses)


def test_only_the_drawn_architecture_trains(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """A step moves the weights of one operation on two edges a node, and α of none."""
    method = build("random", make_context(steps=4, space=METANAS), evaluator="weights")
    method.search_step([make_batch()])
    moved = {name for name, each in method.net.named_parameters() if each.grad is not None}
    cells = {name.split(".")[1] for name in moved if name.startswith("cells")}
    assert cells == {"0", "1", "2", "3"}
    assert not any(name.startswith("alpha") for name in moved)
    edges = {tuple(name.split(".")[:5]) for name in moved if ".nodes." in name}
    assert len(edges) <= len(METANAS.cells) * METANAS.nodes * 2


def test_keys_of_before_stay() -> None:
    """The default stands in no key and no record; another evaluator does."""
    plugins = load_plugins()
    (plain,) = select(plugins, "method", "random")
    (scored,) = select(plugins, "method", "random[evaluator=zen]")
    assert "evaluator" not in plain.params
    assert scored.params == {**plain.params, "evaluator": "zen"}
    (table,) = select(plugins, "search", "evolution")
    assert table.params == {"population": 30, "sample": 10}
    assert np.isfinite(plain.params["candidates"])
