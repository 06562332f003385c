"""Step-by-step back-propagation equals ordinary back-propagation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial

import pytest
import torch
from torch import Tensor

from harness.contracts import Batch
from harness.space.backpropagation import BatchOutcome, Engine, ordinary, streamed
from harness.space.merged import merged
from harness.space.mixing import UpdateSelection, draw_drop_path, select_node
from harness.space.spec import (
    CELL_KINDS,
    CELLS,
    NODES,
    OPERATIONS,
    SearchSpace,
    edge_count,
    pair_count,
)
from harness.space.step_by_step import step_by_step
from harness.space.supernet import Supernet

STORED: Engine = partial(step_by_step, phase_forward="stored")
REPEATED: Engine = partial(step_by_step, phase_forward="repeated")
STREAMED: Engine = streamed
ENGINES = [STORED, REPEATED, STREAMED, merged]
ENGINE_NAMES = ["stored", "repeated", "streamed", "merged"]
SelectionOrNone = UpdateSelection | None


def some_of_everything(nodes: int = NODES, *, through: bool = False) -> UpdateSelection:
    """Return a selection of three operations on each edge and two pairs at each node."""

    def select(node: int) -> list[list[bool]]:
        return [
            [(k + edge + node) % 7 in (0, 2, 5) for k in range(len(OPERATIONS))]
            for edge in range(edge_count(node))
        ]

    selected = {
        kind: [
            select_node(n, select(n), [p in (0, 4) for p in range(pair_count(n))])
            for n in range(nodes)
        ]
        for kind in CELL_KINDS
    }
    return UpdateSelection(selected, through)


def run_parts(
    net: Supernet,
    engine: Engine,
    batch: Batch,
    parts: Sequence[slice],
    selection: SelectionOrNone = None,
) -> BatchOutcome:
    """Accumulate gradients over parts of a batch, with drop path on."""
    images = len(batch.labels)
    drop_path = draw_drop_path(images, 0.3, torch.Generator().manual_seed(2), space=net.space)
    outcomes = []
    for part in parts:
        mixing = net.mixing(0.7, selection, drop_path.part(part))
        share = len(range(*part.indices(images))) / images
        outcomes.append(engine(net, Batch(batch.images[part], batch.labels[part]), mixing, share))
    return sum(outcomes[1:], start=outcomes[0])


@pytest.mark.parametrize("engine", ENGINES, ids=ENGINE_NAMES)
@pytest.mark.parametrize("selected", ["all", "selected", "through"])
@pytest.mark.parametrize(
    "setting",
    [(8, [slice(0, 5)]), (15, [slice(0, 2), slice(2, 5)])],
    ids=["whole batch", "micro-batches"],
)
def test_gradients_and_statistics_are_those_of_ordinary_back_propagation(
    engine: Engine,
    selected: str,
    setting: tuple[int, list[slice]],
    small_space: SearchSpace,
    make_batch: Callable[..., Batch],
    relative_error: Callable[[Tensor, Tensor], float],
) -> None:
    """Every α, β and w gets the same gradient to 1e-10, with drop path, selections, parts."""
    size, parts = setting
    net, batch = Supernet(1, 3, 4, space=small_space), make_batch(5, size)
    some = some_of_everything(small_space.nodes, through=selected == "through")
    selection = None if selected == "all" else some
    reference = copy.deepcopy(net)
    outcome = run_parts(net, engine, batch, parts, selection)
    expected = run_parts(reference, ordinary, batch, parts, selection)
    assert torch.isclose(outcome.loss, expected.loss, rtol=1e-12)
    assert outcome.accuracy == expected.accuracy
    for (name, found), wanted in zip(net.named_parameters(), reference.parameters(), strict=True):
        assert (found.grad is None) == (wanted.grad is None), name
        if found.grad is not None and wanted.grad is not None:
            assert relative_error(found.grad, wanted.grad) < 1e-10, name
    for (name, moved), statistic in zip(net.named_buffers(), reference.buffers(), strict=True):
        assert relative_error(moved.double(), statistic.double()) < 1e-10, name


@pytest.mark.parametrize("engine", ENGINES, ids=ENGINE_NAMES)
def test_architecture_alone(
    engine: Engine,
    make_batch: Callable[..., Batch],
    relative_error: Callable[[Tensor, Tensor], float],
) -> None:
    """With w held still, α and β get their gradients and w gets none."""
    net, batch = Supernet(1, 3, 4), make_batch(3, 8)
    for weight in net.weight_parameters():
        weight.requires_grad_(False)
    reference = copy.deepcopy(net)
    engine(net, batch, net.mixing())
    ordinary(reference, batch, reference.mixing())
    for found, wanted in zip(
        net.architecture_parameters(), reference.architecture_parameters(), strict=True
    ):
        assert found.grad is not None
        assert wanted.grad is not None
        assert relative_error(found.grad, wanted.grad) < 1e-10
    assert all(weight.grad is None for weight in net.weight_parameters())


@pytest.mark.parametrize("engine", ENGINES, ids=ENGINE_NAMES)
def test_weights_alone(
    engine: Engine,
    make_batch: Callable[..., Batch],
    relative_error: Callable[[Tensor, Tensor], float],
) -> None:
    """With mixing weights that need no gradient, w gets its gradients and α and β get none."""
    net, batch = Supernet(1, 3, 4, edge_pairs=False), make_batch(3, 9)
    reference = copy.deepcopy(net)
    for model, compute in ((net, engine), (reference, ordinary)):
        with torch.no_grad():
            mixing = model.mixing()
        compute(model, batch, mixing)
    for found, wanted in zip(net.weight_parameters(), reference.weight_parameters(), strict=True):
        assert found.grad is not None
        assert wanted.grad is not None
        assert relative_error(found.grad, wanted.grad) < 1e-10
    assert all(parameter.grad is None for parameter in net.architecture_parameters())


@pytest.mark.parametrize(
    "engine",
    [ordinary, *ENGINES],
    ids=["ordinary", *ENGINE_NAMES],
)
def test_gradients_through_all_operations_are_the_whole_ones(
    engine: Engine,
    make_batch: Callable[..., Batch],
    relative_error: Callable[[Tensor, Tensor], float],
) -> None:
    """What is selected gets the gradient of the full step to 1e-10, all else none or zero."""
    net, batch, selection = Supernet(1, 3, 4), make_batch(5, 8), some_of_everything(through=True)
    reference = copy.deepcopy(net)
    engine(net, batch, net.mixing(0.7, selection))
    ordinary(reference, batch, reference.mixing(0.7))
    masks = {
        f"{name}.{kind}.{number}": torch.tensor(mask)
        for kind in CELL_KINDS
        for number, node in enumerate(selection.nodes[kind])
        for name, mask in (("alpha", node.operations), ("beta", node.pairs))
    }
    with_gradient = 0
    for (name, found), wanted in zip(net.named_parameters(), reference.parameters(), strict=True):
        assert wanted.grad is not None
        if name in masks:
            assert found.grad is not None
            assert (found.grad[~masks[name]] == 0).all(), name
            error = relative_error(found.grad[masks[name]], wanted.grad[masks[name]])
        elif found.grad is not None:
            error = relative_error(found.grad, wanted.grad)
            with_gradient += ".nodes." in name
        assert error < 1e-10, name
    assert 0 < with_gradient < len(list(net.cells.parameters())) / 2


@pytest.mark.parametrize("through", [False, True])
def test_what_is_not_selected_gets_exactly_zero(
    through: bool, make_batch: Callable[..., Batch]
) -> None:
    """Unselected α and β get zero gradient to the bit, and unselected operations' w none."""
    net, selection = Supernet(1, 3, 4), some_of_everything(through=through)
    STORED(net, make_batch(3, 8), net.mixing(0.5, selection))
    gradients = {name: parameter.grad for name, parameter in net.named_parameters()}
    for kind in CELL_KINDS:
        for number, node in enumerate(selection.nodes[kind]):
            for name, mask in (("alpha", node.operations), ("beta", node.pairs)):
                gradient = gradients[f"{name}.{kind}.{number}"]
                assert gradient is not None
                assert (gradient[~torch.tensor(mask)] == 0).all()
                assert (gradient[torch.tensor(mask)] != 0).any() or gradient.numel() == 1
    untracked = [
        gradients[f"cells.{cell}.nodes.{n}.{edge}.{operation}.1.weight"]
        for cell, kind in enumerate(CELLS)
        for n, node in enumerate(selection.nodes[kind])
        for edge, row in enumerate(node.operations)
        for operation, is_tracked in zip(OPERATIONS, row, strict=True)
        if "conv" in operation and not is_tracked
    ]
    assert untracked
    assert all(gradient is None for gradient in untracked)
