"""What every pretrained method does with a task and a meta-epoch."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from harness.contracts import (
    Adaptation,
    MetaTask,
    PretrainedMethod,
    SearchBatch,
    SearchContext,
    SearchMethod,
)
from harness.errors import UsageError
from harness.measure.memory import BLOCK_BYTES, MemoryCounter
from harness.plugins.loading import load_plugins
from harness.plugins.selection import select
from harness.space.spec import SearchSpace

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]

PRETRAINED = ["onnas", "darts", "metanas", "pcdarts", "proxylessnas", "weights-only"]
each_method = pytest.mark.parametrize("name", PRETRAINED)


@pytest.fixture
def make_context(make_context: MakeContext, small_space: SearchSpace) -> MakeContext:
    """Return the same tiny trial in a smaller space."""
    return lambda **given: replace(make_context(**given), space=small_space)


def built(text: str, context: SearchContext) -> SearchMethod:
    """Make a method for the offline stage."""
    torch.manual_seed(0)
    method: SearchMethod = select(load_plugins(), "method", text)[0].create()
    method.build(replace(context, pretraining=True))
    return method


def adapt(
    method: SearchMethod, context: SearchContext, batch: SearchBatch, *, warm_up: bool = False
) -> Adaptation:
    """Have a task of two inner steps learned, all generators seeded as by the harness."""
    assert isinstance(method, PretrainedMethod)
    context.generator.manual_seed(7)
    torch.manual_seed(7)
    return method.adapt(MetaTask(steps=[[batch], [batch]], warm_up=warm_up))


def copied(method: SearchMethod) -> dict[str, Tensor]:
    """Copies of what is stored."""
    return {name: value.clone() for name, value in method.state_dict().items()}


@each_method
def test_a_task_depends_on_nothing_before_it(
    name: str, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """The same task twice leads to the same bits, and leaves the meta parameters alone."""
    context = make_context(steps=2)
    method = built(name, context)
    before = copied(method)
    first = adapt(method, context, make_batch())
    again = adapt(method, context, make_batch())
    assert all(torch.equal(first.parameters[k], v) for k, v in again.parameters.items())
    assert all(torch.equal(before[k], v) for k, v in method.state_dict().items())
    assert first.metrics == again.metrics


@each_method
def test_warming_up_moves_only_w(
    name: str, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """A task of the warm-up leaves α and β as they are, to the bit; a later one does not."""
    context = make_context(steps=2)
    method = built(name, context)
    assert isinstance(method, PretrainedMethod)
    start = adapt(method, context, make_batch(), warm_up=True).parameters
    of_architecture = [k for k in start if k.startswith(("alpha.", "beta."))]
    method.meta_update([start])
    for warm_up, kept in ((True, True), (False, name == "weights-only")):
        reached = adapt(method, context, make_batch(), warm_up=warm_up).parameters
        same = all(torch.equal(reached[k], start[k]) for k in of_architecture)
        assert same is kept
        assert not torch.equal(reached["head.weight"], start["head.weight"])


@pytest.mark.parametrize("name", [name for name in PRETRAINED if name != "onnas"])
def test_a_meta_epoch_is_reptile(
    name: str, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """w goes to the mean of the tasks, α and β 0.6 of the way there."""
    context = make_context(steps=2)
    method = built(name, context)
    assert isinstance(method, PretrainedMethod)
    before = copied(method)
    tasks = [adapt(method, context, make_batch(images)).parameters for images in (6, 9)]
    method.meta_update(tasks)
    for key, found in method.state_dict().items():
        rate = 0.6 if key.startswith(("alpha.", "beta.")) else 1.0
        mean = (tasks[0][key] + tasks[1][key]) / 2
        torch.testing.assert_close(found, before[key] + rate * (mean - before[key]))


@pytest.mark.parametrize("name", ["onnas", "metanas"])
def test_kept_moments_are_the_mean_over_tasks_and_are_stored(
    name: str, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """With `optimizer_state=kept` a device stores second moments too, and its search uses them."""
    context = make_context(steps=2)
    method = built(f"{name}[optimizer_state=kept]", context)
    assert isinstance(method, PretrainedMethod)
    tasks = [adapt(method, context, make_batch(images)).parameters for images in (6, 9)]
    method.meta_update(tasks)
    state = method.state_dict()
    key = "moment.stem.0.weight"
    torch.testing.assert_close(state[key], (tasks[0][key] + tasks[1][key]) / 2)
    plain = built(name, context).state_dict()
    assert sum(t.numel() for t in state.values()) == 2 * sum(t.numel() for t in plain.values())
    search = select(load_plugins(), "method", f"{name}[optimizer_state=kept]")[0].create()
    search.build(replace(context, initial_state=state, pretraining=False))
    (moment, *_) = search.weight_optimizer.moments()
    torch.testing.assert_close(moment, state[key])
    stored = search.state_dict()
    assert stored.keys() == state.keys()
    assert all(torch.equal(stored[name], value) for name, value in state.items())


def test_onnas_holds_the_moments_it_was_given_once(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """After `build` what its search needs more for kept moments is the optimizer's copy of them."""
    context, name = make_context(steps=2), "onnas[optimizer_state=kept]"
    method = built(name, context)
    assert isinstance(method, PretrainedMethod)
    method.meta_update([adapt(method, context, make_batch()).parameters])
    state = copied(method)
    without = {key: each for key, each in state.items() if not key.startswith("moment.")}
    live = []
    for initial in (without, state):
        search = select(load_plugins(), "method", name)[0].create()
        with MemoryCounter() as counter:
            search.build(replace(context, initial_state=initial, pretraining=False))
        gc.collect()
        live.append(counter.live_bytes)
    moments = [each["second_moment"] for each in search.weight_optimizer.state.values()]
    copies = sum(-(-each.nbytes // BLOCK_BYTES) * BLOCK_BYTES for each in moments)
    assert live[1] - live[0] == copies > 0


def test_onnas_without_coefficients_folds_the_mean(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """With both coefficients off, its meta cell is the mean over tasks and cells."""
    context = make_context(steps=2)
    method = built("onnas[task_coefficients=none,cell_coefficients=none]", context)
    assert isinstance(method, PretrainedMethod)
    tasks = [adapt(method, context, make_batch(images)).parameters for images in (6, 9)]
    method.meta_update(tasks)
    weight = "nodes.0.0.conv_3x3.1.weight"
    cells = [(tasks[0][k] + tasks[1][k]) / 2 for k in (f"cells.{n}.{weight}" for n in range(3))]
    torch.testing.assert_close(
        method.state_dict()["meta_cell." + weight], torch.stack(cells).mean(dim=0)
    )


def test_coefficients_change_the_meta_epoch(
    make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Each of On-NAS's two coefficients, switched on alone, gives another meta cell."""
    context, found = make_context(steps=2), []
    method = built("onnas", context)
    # Coefficients come into play only when all tasks have been learned.
    tasks = [adapt(method, context, make_batch(images)).parameters for images in (6, 9)]
    on, off = "elementwise", "none"
    for task, cell in ((off, off), (on, off), (off, on), (on, on), ("norm", "norm")):
        method = built(f"onnas[task_coefficients={task},cell_coefficients={cell}]", context)
        assert isinstance(method, PretrainedMethod)
        method.meta_update(tasks)
        found.append(method.state_dict()["meta_cell.nodes.0.0.conv_3x3.1.weight"])
    assert all(not torch.equal(a, b) for i, a in enumerate(found) for b in found[:i])


@each_method
def test_a_search_starts_from_what_was_stored(
    name: str, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """What `state_dict` returns after pretraining is what `build` takes, and stores again."""
    context = make_context(steps=2)
    method = built(name, context)
    assert isinstance(method, PretrainedMethod)
    method.meta_update([adapt(method, context, make_batch()).parameters])
    stored = copied(method)
    torch.manual_seed(1)
    search: SearchMethod = select(load_plugins(), "method", name)[0].create()
    search.build(replace(context, initial_state=stored))
    assert search.state_dict().keys() == stored.keys()
    assert all(torch.equal(search.state_dict()[k], v) for k, v in stored.items())
    resumed: SearchMethod = select(load_plugins(), "method", name)[0].create()
    resumed.build(replace(context, initial_state=stored, pretraining=True))
    one, other = (adapt(each, context, make_batch()).parameters for each in (method, resumed))
    assert all(torch.equal(one[k], v) for k, v in other.items())


@each_method
def test_a_state_of_another_shape_is_refused(name: str, make_context: MakeContext) -> None:
    """A state for other channels is refused with the name of a parameter."""
    state = copied(built(name, make_context(channels=8)))
    method: SearchMethod = select(load_plugins(), "method", name)[0].create()
    with pytest.raises(UsageError, match="has shape"):
        method.build(replace(make_context(), initial_state=state))


def test_a_state_of_another_method_is_refused(make_context: MakeContext) -> None:
    """On-NAS takes no supernet and DARTS no meta cell; the message names what is wrong."""
    for mine, others, words in (
        ("onnas", "darts", "not a meta cell"),
        ("darts", "onnas", "does not fit"),
    ):
        state = copied(built(others, make_context()))
        method: SearchMethod = select(load_plugins(), "method", mine)[0].create()
        with pytest.raises(UsageError, match=words):
            method.build(replace(make_context(), initial_state=state))


def test_random_search_is_not_pretrained() -> None:
    """The control that starts from nothing has no `adapt`."""
    method = select(load_plugins(), "method", "random")[0].create()
    assert not isinstance(method, PretrainedMethod)
