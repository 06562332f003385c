"""GDAS, Fair DARTS, DrNAS, DARTS-, sparse update and evolution, each formula by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from harness_baselines.fixed_network import PartlyLearning
from harness_baselines.paths import gumbel_gates
from harness_baselines.relaxations import (
    DartsMinus,
    DirichletSupernet,
    anchor_distance,
    gamma_draws,
    zero_one_loss,
)
from torch import nn
from torch.nn import functional

from harness.contracts import SearchBatch, SearchContext, SearchMethod
from harness.errors import UsageError
from harness.measure.memory import MemoryCounter
from harness.space.spec import METANAS, OPERATIONS, SearchSpace
from harness.space.supernet import by_kind

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]

SKIP = OPERATIONS.index("skip_connect")


def peak_of(method: SearchMethod, batch: SearchBatch) -> int:
    """Take a search step, then count the memory of another."""
    method.search_step([batch])
    with MemoryCounter() as counter:
        method.search_step([batch])
    peak: int = counter.peak_bytes
    return peak


def test_a_gumbel_gate_by_hand() -> None:
    """With p = (1/2, 1/4, 1/4) and o = (0, log 4, 0), h is (2, 4, 1) / 7 at τ = 1."""
    alpha = nn.Parameter(torch.tensor([[0.5, 0.25, 0.25]]).log())
    gates, drawn = gumbel_gates(alpha, torch.tensor([[0.0, math.log(4), 0.0]]), temperature=1.0)
    assert gates.tolist() == [[0, 1, 0]]
    assert drawn.tolist() == [[1]]
    torch.autograd.backward(gates, torch.tensor([[0.0, 7.0, 0.0]]))
    assert alpha.grad is not None  # 7 h_1 (δ_i1 - h_i)
    assert alpha.grad[0].tolist() == pytest.approx([-8 / 7, 12 / 7, -4 / 7])


def test_a_lower_temperature_sharpens_the_gradient() -> None:
    """At τ = 1/2 the same draw has h = (4, 16, 1) / 21, and the factor 1/τ = 2."""
    alpha = nn.Parameter(torch.tensor([[0.5, 0.25, 0.25]]).log())
    gates, _ = gumbel_gates(alpha, torch.tensor([[0.0, math.log(4), 0.0]]), temperature=0.5)
    torch.autograd.backward(gates, torch.tensor([[0.0, 1.0, 0.0]]))
    h = [4 / 21, 16 / 21, 1 / 21]
    by_hand = [2 * h[1] * ((i == 1) - h[i]) for i in range(3)]
    assert alpha.grad is not None
    assert alpha.grad[0].tolist() == pytest.approx(by_hand)


def test_gdas_runs_one_operation_an_edge(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Its temperature falls from 10 to 0.1, in less than half of DARTS's memory."""
    context, batch = make_context(size=16, channels=8, steps=2), make_batch(size=16)
    method = build("gdas", context)
    assert method.temperature == 10.0
    peak = peak_of(method, batch)
    assert method.temperature == pytest.approx(0.1)
    assert peak < peak_of(build("darts", make_context(size=16, channels=8)), batch) / 2


def test_the_zero_one_loss_by_hand() -> None:
    """σ(0) is 1/2 and σ(log 3) is 3/4: -(0 + 1/16) / 2."""
    loss = zero_one_loss([torch.zeros(1, 1), torch.tensor([[math.log(3)]])])
    assert float(loss) == pytest.approx(-1 / 32)


def test_operations_of_fair_darts_do_not_compete(build: Any, make_context: MakeContext) -> None:
    """Each weight is the sigmoid of its own α; the two strongest edges are kept."""
    method = build("fairdarts", make_context(space=METANAS))
    with torch.no_grad():
        for alpha in method.net.alpha.parameters():
            alpha.zero_()
            alpha[0, 4] = alpha[1, 2] = math.log(3)
    weights = method.net.mixing().weights()[0].tolist()
    assert weights[0][4] == weights[1][2] == pytest.approx(0.75)
    assert weights[0][0] == pytest.approx(0.5)
    assert [tuple(edge) for edge in method.architecture().normal[2]] == [
        (0, OPERATIONS[4]),
        (1, OPERATIONS[2]),
    ]


def test_a_draw_of_a_dirichlet_by_hand() -> None:
    """Of β = (2, 1, 1) the mean is (1/2, 1/4, 1/4); of its first part by β (2, -2, -2) / 16."""
    torch.manual_seed(0)
    beta = torch.tensor([2.0, 1.0, 1.0]).expand(40_000, 3).clone().requires_grad_()
    drawn = gamma_draws(beta)
    assert (drawn > 0).all()
    weights = drawn / drawn.sum(dim=-1, keepdim=True)
    assert weights.mean(dim=0).tolist() == pytest.approx([0.5, 0.25, 0.25], abs=0.01)
    torch.autograd.backward(weights[:, 0].sum())
    assert beta.grad is not None
    assert beta.grad.mean(dim=0).tolist() == pytest.approx([2 / 16, -2 / 16, -2 / 16], abs=0.01)


def test_the_distance_from_the_anchor_by_hand() -> None:
    """ELU(1) + 1 is 2, ELU(log 1/2) + 1 is 1/2: 1 + 1/4; where α is 0 there is none."""
    alphas = [torch.tensor([[1.0, math.log(0.5)]]), torch.tensor([[0.0]])]
    assert float(anchor_distance(alphas)) == pytest.approx(1.25)


def test_drnas_draws_in_an_update_and_predicts_by_the_mean(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """No two passes have the same weights, which sum to 1; predictions and cells have one each."""
    method = build("drnas", make_context(steps=2))
    net = method.net
    assert isinstance(net, DirichletSupernet)
    one, other = net.mixing().weights()[0], net.mixing().weights()[0]
    assert not torch.equal(one, other)
    assert torch.allclose(one.sum(dim=-1), torch.ones(2))
    alpha = by_kind(net.alpha)["normal"]
    before = alpha[0].clone()
    method.search_step([make_batch()])
    assert not torch.equal(alpha[0], before)
    images = make_batch(seed=3).weights.images
    assert torch.equal(method.predict(images), method.predict(images))
    assert method.architecture() == method.architecture()
    beta = functional.elu(alpha[1]) + 1
    mean = method.prediction_mixing().weights()[1]
    assert torch.allclose(mean, beta / beta.sum(dim=-1, keepdim=True))


def test_the_auxiliary_skip_connection_fades(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Its weight is added to the skip connection's: 1 in the first of three steps, then 1/2, 0."""
    method = build("darts-minus", make_context(steps=3))
    for share in (1.0, 0.5, 0.0):
        method.search_step([make_batch()])
        plain = torch.softmax(method.net.alpha["normal"][0], dim=-1)
        added = (method.net.mixing().weights()[0] - plain)[0].tolist()
        wanted = [share * (column == SKIP) for column in range(len(OPERATIONS))]
        assert added == pytest.approx(wanted, abs=1e-6)


def test_a_space_without_skip_connections_is_refused(make_context: MakeContext) -> None:
    """By its name, before anything is built."""
    context = replace(make_context(), space=SearchSpace("bare", METANAS.operations[3:]))
    with pytest.raises(UsageError, match="darts-minus needs skip_connect, which the space 'bare'"):
        DartsMinus().build(context)


def test_a_part_of_a_weight_learns() -> None:
    """The output is the convolution's; gradients are its own for the first channels, else zero."""
    whole = nn.Conv2d(4, 3, 1, bias=False)
    part, images = PartlyLearning(whole, share=0.5), torch.randn(2, 4, 5, 5, requires_grad=True)
    kept: list[torch.Size] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda each: each):
        output = part(images)
    assert images.shape not in kept
    torch.testing.assert_close(output, whole(images))
    of_part = torch.autograd.grad(output.square().sum(), [images, whole.weight])
    of_whole = torch.autograd.grad(whole(images).square().sum(), [images, whole.weight])
    torch.testing.assert_close(of_part[0], of_whole[0])
    torch.testing.assert_close(of_part[1][:, :2], of_whole[1][:, :2])
    assert not of_part[1][:, 2:].any()


def test_sparse_update_takes_what_its_parameters_say(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """More than the classifier alone, less than all weights; more of the network takes more."""
    batch = make_batch(size=16)
    asked: list[tuple[str, dict[str, object]]] = [
        ("last-layer", {}),
        ("sparse-update", {"share": 0.25}),
        ("sparse-update", {"share": 1.0}),
        ("sparse-update", {"share": 1.0, "cells": 2}),
        ("weights-only", {}),
    ]
    peaks = [
        peak_of(build(name, make_context(size=16, channels=8), **parameters), batch)
        for name, parameters in asked
    ]
    assert peaks == sorted(set(peaks))


def test_sparse_update_changes_the_last_cell_and_the_head(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Weights of pointwise convolutions among it; all before stays as it was."""
    method = build("sparse-update", make_context(space=METANAS))
    before = {name: each.clone() for name, each in method.net.named_parameters()}
    method.search_step([make_batch()])
    after = method.net.named_parameters()
    moved = {name for name, each in after if not torch.equal(each, before[name])}
    assert all(name.startswith(("cells.3.", "head.")) for name in moved)
    assert any(name.endswith(".weight") and ".nodes." in name for name in moved)


def test_children_differ_in_one_decision_from_a_parent(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """The first three are drawn; each later one is a neighbour of one that was alive."""
    method, asked = build("evolution", make_context(steps=6, space=METANAS), candidates=6), []
    for _ in range(6):
        method.search_step([make_batch()])
        asked.append(METANAS.decisions(method.candidate.genotype.to_json()))
    for number, child in enumerate(asked[3:], start=3):
        alive = asked[number - 3 : number]
        assert 1 in [sum(a != b for a, b in zip(child, each, strict=True)) for each in alive]
    assert method.best.loss <= min(loss for _, loss in method.proposals.population)


def test_a_sample_larger_than_the_population_is_refused(
    build: Any, make_context: MakeContext
) -> None:
    """Nothing could be drawn."""
    with pytest.raises(UsageError, match="sample=4 is more than population=3"):
        build("evolution", make_context(), sample=4)
