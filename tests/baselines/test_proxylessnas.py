"""ProxylessNAS: what its two updates run, change and keep in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.contracts import SearchBatch, SearchContext
from harness.measure.memory import MemoryCounter
from harness.space.spec import METANAS, OPERATIONS

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]


def count_runs(method: Any) -> dict[tuple[int, int, int, int], int]:
    """Count how often each operation runs, by (cell, node, edge, operation)."""
    runs: dict[tuple[int, int, int, int], int] = {}

    def watch(key: tuple[int, int, int, int]) -> Callable[..., None]:
        runs[key] = 0

        def count(*_: object) -> None:
            runs[key] += 1

        return count

    for number, cell in enumerate(method.net.cells):
        for node in range(3):
            for edge, operations in enumerate(cell.operations(node)):
                for k, operation in enumerate(operations):
                    operation.register_forward_pre_hook(watch((number, node, edge, k)))
    return runs


def ran(runs: dict[tuple[int, int, int, int], int], times: int) -> None:
    """Check that on each edge of each cell `times` operations ran, once each."""
    per_edge: dict[tuple[int, int, int], list[int]] = {}
    for (cell, node, edge, _), count in runs.items():
        per_edge.setdefault((cell, node, edge), []).append(count)
    assert len(per_edge) == 4 * 9
    assert all(sorted(counts) == [0] * (7 - times) + [1] * times for counts in per_edge.values())


def test_an_update_of_w_trains_one_path(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """One operation an edge runs; only what ran, the inputs, stem and head get gradients."""
    method = build("proxylessnas", make_context(space=METANAS))
    runs, start = count_runs(method), {n: p.clone() for n, p in method.net.named_parameters()}
    method.begin_step()
    method.update_weights(make_batch().weights)
    ran(runs, times=1)
    idle = [
        method.net.cells[c].operations(n)[e][k] for (c, n, e, k), run in runs.items() if not run
    ]
    off_path = {id(p) for operation in idle for p in operation.parameters()}
    for name, parameter in method.net.named_parameters():
        trained = not name.startswith("alpha") and id(parameter) not in off_path
        assert (parameter.grad is not None) == trained, name
        assert torch.equal(parameter, start[name]) != trained, name


def test_an_update_of_alpha_moves_two_paths(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Two operations an edge run; exactly their two α change, and w does not."""
    method = build("proxylessnas", make_context(space=METANAS))
    runs, start = count_runs(method), {n: p.clone() for n, p in method.net.named_parameters()}
    method.begin_step()
    method.update_architecture(make_batch().architecture)
    ran(runs, times=2)
    for name, parameter in method.net.named_parameters():
        if not name.startswith("alpha"):
            assert torch.equal(parameter, start[name])
            continue
        changed, (_, kind, node) = parameter != start[name], name.split(".")
        for edge, row in enumerate(changed.tolist()):
            drawn = [runs[kind == "reduction", int(node), edge, k] == 1 for k in range(7)]
            assert row == drawn
            assert [g != 0 for g in parameter.grad[edge].tolist()] == drawn
        old, new = start[name].softmax(dim=1), parameter.detach().softmax(dim=1)
        torch.testing.assert_close(new[~changed], old[~changed], rtol=1e-5, atol=0)


def test_predictions_run_the_most_likely_path(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Where one operation is made the most likely everywhere, predicting runs it alone."""
    method = build("proxylessnas", make_context(space=METANAS))
    favourite = OPERATIONS.index("conv_3x3")
    with torch.no_grad():
        for alpha in method.alphas:
            alpha[:, favourite] += 1.0
    runs = count_runs(method)
    method.predict(make_batch().weights.images)
    assert all(count == (k == favourite) for (*_, k), count in runs.items())


def peak_with(
    operations: tuple[int, ...], method: Any, batch: SearchBatch, monkeypatch: pytest.MonkeyPatch
) -> int:
    """Count the bytes that an update needs which draws the given paths on each edge."""

    def draw(alpha: Tensor, count: int, *_: object) -> Tensor:
        if alpha.shape[1] == 2:  # which of the pair is active
            return torch.zeros(len(alpha), 1, dtype=torch.int64)
        return torch.tensor([operations] * len(alpha))

    monkeypatch.setattr("harness_baselines.proxylessnas.draw_paths", draw)
    update = method.update_weights if len(operations) == 1 else method.update_architecture
    method.net.zero_grad()
    counter = MemoryCounter()
    with counter:
        update(batch.weights)
    return counter.peak_bytes


@pytest.mark.parametrize("inactive_path", ["detached", "kept"])
def test_memory_is_that_of_one_path_or_of_two(
    inactive_path: str,
    build: Any,
    make_context: MakeContext,
    make_batch: MakeBatch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An update of α needs what the active path needs alone, or what both need, and outputs."""
    context = make_context(size=16, channels=8)
    method = build("proxylessnas", context, inactive_path=inactive_path)
    batch = make_batch(images=12, size=16)
    method.begin_step()
    for _ in range(2):  # the optimizers' state is there before anything is counted
        peak_with((5,), method, batch, monkeypatch)
    alone = [peak_with((k,), method, batch, monkeypatch) for k in range(len(OPERATIONS))]
    pixels = 9 * (16 * 16 + 8 * 8 + 8 * 8 + 4 * 4)  # of the nine edges of each cell
    outputs = 2 * pixels * 12 * 8 * 4  # bytes for both paths: 12 images, 8 channels
    for pair in ((0, 1), (2, 3), (4, 6), (3, 5)):
        found = peak_with(pair, method, batch, monkeypatch)
        if inactive_path == "kept":
            assert max(alone[k] for k in pair) < found < sum(alone[k] for k in pair) + outputs
        else:
            # The closed path runs forward all the same, and needs a few maps for a moment.
            passing = 4 * 16 * 16 * 12 * 8 * 4
            assert alone[pair[0]] <= found < alone[pair[0]] + outputs + passing


def test_both_ways_give_a_gate_the_same_gradient(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Whether the closed path keeps its activations or not, α moves alike."""
    moved = []
    for inactive_path in ("detached", "kept"):
        method = build("proxylessnas", make_context(), inactive_path=inactive_path)
        method.begin_step()
        method.update_architecture(make_batch().architecture)
        moved.append([alpha.detach().clone() for alpha in method.alphas])
    for found, wanted in zip(*moved, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_the_derived_network_trains_alone_towards_the_end(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """In the last `derived_share` of the steps α stays, and the most likely path alone runs."""
    method = build("proxylessnas", make_context(steps=4), derived_share=0.5)
    batch = make_batch()
    for step in range(4):
        before = [alpha.detach().clone() for alpha in method.alphas]
        method.search_step([batch])
        stays = all(map(torch.equal, before, method.alphas))
        assert stays == (step >= 2)
