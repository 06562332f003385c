"""What calibration measures is what it says: classes apart, passes whole, threads as in a trial."""

from __future__ import annotations

import pytest
import torch

from harness.cost_model.calibrate.timing import (
    ROUNDS,
    STAGES,
    Work,
    kernels_of_work,
    measure,
    seconds_of,
)
from harness.cost_model.calibrate.workloads import (
    LAYERS,
    NETWORKS,
    PASSES,
    Network,
    NetworkKind,
    Shape,
    layer_work,
    network_work,
    network_works,
    operation_works,
    optimizer_work,
)
from harness.cost_model.profile import KERNEL_CLASSES, KernelClass

SHAPE = Shape(images=2, channels=4, side=6)


def share(work: Work, kind: KernelClass) -> float:
    """Return the part of a piece of work's bytes that one class moves."""
    kernels = kernels_of_work(work)
    moved = sum(each.bytes * count for each, count in kernels.items())
    return sum(each.bytes * count for each, count in kernels.items() if each.kind == kind) / moved


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_are_of_their_class(kind: KernelClass) -> None:
    """Forward, nearly all that is moved is moved by kernels of the class; back, the most."""
    assert share(layer_work(kind, SHAPE, back=False), kind) > 0.95
    assert share(layer_work(kind, SHAPE, back=True), kind) > 0.5


def test_update_is_of_the_optimizer_alone() -> None:
    """Nothing but an update is counted: the optimizer had its state before."""
    kernels = kernels_of_work(optimizer_work(3))
    assert {each.kind for each in kernels} == {"optimizer"}
    assert not any(each.by_engine for each in kernels)


@pytest.mark.parametrize("kind", ["supernet", "step-by-step", "discrete"])
def test_each_pass_holds_the_one_before(kind: NetworkKind) -> None:
    """Gradients take more kernels than a forward pass, and an update takes the optimizer's too."""
    network = Network(kind, channels=2, side=8, images=3)
    forward, gradients, update = (kernels_of_work(network_work(network, p)) for p in PASSES)
    assert not any(each.by_engine for each in forward)
    assert sum(forward.values()) < sum(gradients.values()) < sum(update.values())
    assert "optimizer" not in {each.kind for each in gradients}
    assert "optimizer" in {each.kind for each in update}


def test_measured_network_is_a_case_of_its_own() -> None:
    """Passes through a network share its group, have kernels and take time."""
    said: list[str] = []
    works = list(network_works((Network("discrete", channels=2, side=8, images=3),)))
    cases = measure(works, said.append)
    assert said == STAGES * [work.name for work in works]
    assert [case.name for case in cases] == [work.name for work in works]
    assert {case.group for case in cases} == {"discrete, C = 2, 3 x 8x8"}
    assert all(case.seconds > 0 and case.kernels and not case.parallel for case in cases)


@pytest.mark.parametrize("parallel", [True, False])
def test_threads_are_those_of_a_trial(parallel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small work has one thread and large work has all; after each there are as many as before."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    chosen: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    works = [Work("nothing", lambda device: lambda: device, parallel=parallel)]
    seconds_of(works, lambda _: None)
    assert chosen == (ROUNDS + 1) * ([3] if parallel else [1, 3])


def test_best_round_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow moment spoils a round, not the result; rounds go through all the work in turn."""
    order: list[str] = []
    delays = {"a": iter([9.0, 0.5, 0.2, 0.7]), "b": iter([9.0, 0.8, 0.4, 0.3])}

    def prepared(name: str) -> Work:
        return Work(name, lambda _: lambda: order.append(name), parallel=False)

    monkeypatch.setattr(
        "harness.cost_model.calibrate.timing._seconds",
        lambda run: [run(), next(delays[order[-1]])][1],
    )
    assert seconds_of([prepared("a"), prepared("b")], lambda _: None) == [0.2, 0.3]
    assert order == ["a", "b"] * (ROUNDS + 1)


def test_plan_covers_what_is_to_be_predicted() -> None:
    """Every class, every kind of network, one thread and several; no network twice."""
    names = [work.name for work in [*operation_works(), *network_works()]]
    assert len(set(names)) == len(names)
    assert set(LAYERS) | {"optimizer"} == set(KERNEL_CLASSES)
    assert {network.kind for network in NETWORKS} == {"supernet", "step-by-step", "discrete"}
    for parallel in (True, False):
        of_kind = {each.kind for each in NETWORKS if each.parallel is parallel}
        assert len(of_kind) == 3
