"""Controls that adapt a part of a fixed network: what learns, and what stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from harness_baselines.fixed_network import BiasedNorm, BiasOnly, LastLayer
from harness_baselines.parameters import BiasOnlyParameters
from torch import nn

from harness.contracts import SearchBatch, SearchContext
from harness.errors import UsageError
from harness.measure.memory import MemoryCounter
from harness.space.batch_norm import BatchNorm

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]


def changed(method: Any, batch: SearchBatch) -> set[str]:
    """Take two search steps, and name the parameters that they have moved."""
    before = {name: each.clone() for name, each in method.net.named_parameters()}
    for _ in range(2):
        method.search_step([batch])
    after = method.net.named_parameters()
    return {name for name, each in after if not torch.equal(each, before[name])}


def test_last_layer_trains_the_head_alone(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """Weight and bias of the classifier, and nothing before it."""
    method = build("last-layer", make_context())
    assert isinstance(method, LastLayer)
    assert changed(method, make_batch()) == {"head.weight", "head.bias"}


def test_bias_only_trains_biases_and_the_head(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """A bias of each batch norm, all of which are reached; the architecture is kept."""
    method = build("bias-only", make_context())
    assert isinstance(method, BiasOnly)
    norms = [name for name, each in method.net.named_modules() if isinstance(each, BatchNorm)]
    found = changed(method, make_batch())
    assert found <= {"head.weight", "head.bias", *(f"{name}.bias" for name in norms)}
    assert len(found) > len(norms) / 2
    assert {"head.weight", "stem.1.bias"} <= found


def test_offline_all_weights_learn(build: Any, make_context: MakeContext) -> None:
    """Pretraining is that of weights-only: what is fixed on the device was learned before."""
    context = make_context()
    context = replace(context, pretraining=True)
    for name in ("last-layer", "bias-only"):
        method = build(name, context)
        assert all(each.requires_grad for each in method.net.weight_parameters())


def test_biases_need_no_activations_of_norms() -> None:
    """A fixed norm is what batch norm in evaluation is, with a bias; it keeps nothing large."""
    norm = BiasedNorm(3)
    images = torch.randn(4, 3, 5, 5)
    norm.train()
    norm(images)
    norm.is_fixed = True
    nn.init.constant_(norm.bias, 0.5)  # type: ignore[arg-type] # it has one
    plain = nn.BatchNorm2d(3, affine=False).eval()
    plain.running_mean, plain.running_var = norm.running_mean, norm.running_var
    saved: list[torch.Size] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda each: each):
        output = norm(images.requires_grad_())
    torch.testing.assert_close(output, plain(images) + 0.5)
    assert images.shape not in saved


def test_less_learns_in_less_memory(
    build: Any, make_context: MakeContext, make_batch: MakeBatch
) -> None:
    """The classifier alone needs the least, then biases, then all weights; counted."""
    peaks = []
    for name in ("last-layer", "bias-only", "weights-only"):
        method = build(name, make_context(size=16, channels=8))
        method.search_step([make_batch(size=16)])
        with MemoryCounter() as counter:
            method.search_step([make_batch(size=16)])
        peaks.append(counter.peak_bytes)
    assert peaks[0] < peaks[1] / 3
    assert peaks[1] < 0.8 * peaks[2]


def test_other_engines_are_refused() -> None:
    """They compute batch norm themselves, and would pass over its bias in silence."""
    with pytest.raises(UsageError, match="bias-only cannot have engine=streamed"):
        BiasOnly(BiasOnlyParameters(engine="streamed"))
