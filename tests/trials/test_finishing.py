"""A derived network learns on with exact gradients, in little memory, which is known before."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from harness.adaptation.costs import _OneOperation
from harness.contracts import DataRequest
from harness.estimates.estimates import plan_searches
from harness.experiment.suite import SuiteEntry
from harness.plugins.loading import load_plugins
from harness.space.architecture import architecture_of
from harness.space.backpropagation import recomputed
from harness.space.deployed import DeployedNetwork
from harness.space.genotype import Genotype
from harness.tracing.trace import trace
from harness.tracing.workload import Workload, workload_of
from tests.counting import counted_peak

NODE = [[0, "sep_conv_3x3"], [1, "skip_connect"]]
POOLS = [[0, "max_pool_3x3"], [1, "dil_conv_3x3"]]
GENOTYPE = Genotype.model_validate({"normal": [NODE] * 3, "reduction": [POOLS] * 3})


@pytest.mark.parametrize("share", [1, 2])
def test_recomputing_changes_no_gradient(share: int) -> None:
    """Gradients and running statistics are those of ordinary back-propagation."""
    architecture = architecture_of(
        GENOTYPE, image_shape=(3, 12, 12), classes=3, channels=4, share=share
    )
    torch.manual_seed(0)
    first, second = (DeployedNetwork(architecture).double() for _ in range(2))
    second.load_state_dict(first.state_dict())
    second.run_by(recomputed)
    images = torch.randn(5, 3, 12, 12, dtype=torch.float64)
    for network in (first, second):
        torch.autograd.backward(network.train()(images).square().sum())
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-10, atol=1e-12)
    for mine, others in zip(first.buffers(), second.buffers(), strict=True):
        torch.testing.assert_close(mine, others, rtol=1e-10, atol=1e-12)


@pytest.fixture(scope="module")
def workload() -> Workload:
    """Batches of 15 and 10 small images."""
    plugins = load_plugins()
    entry = SuiteEntry(methods=["onnas"], ways=5, shots=5, budget="quick,channels=4,search_steps=3")
    (search,) = plan_searches(plugins, [entry], DataRequest(None, Path(), print))
    form = search.form._replace(image_shape=(1, 12, 12))
    return workload_of(plugins, replace(search, form=form))


@pytest.mark.parametrize(
    ("operation", "parts"),
    [
        ("sep_conv_3x3", 1),
        ("max_pool_3x3", 5),
        pytest.param("sep_conv_3x3", 5, marks=pytest.mark.slow),
    ],
)
def test_estimate_is_the_count(workload: Workload, operation: str, parts: int) -> None:
    """What finishing needs is known to the byte from shapes alone."""
    finishing = replace(workload, create=partial(_OneOperation, operation, parts))
    assert trace(finishing).peak_bytes == counted_peak(finishing)


def test_parts_and_recomputing_take_less_memory(
    workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recomputing takes less than half of what ordinary gradients do, and parts less again."""

    def peak(parts: int) -> int:
        create = partial(_OneOperation, "sep_conv_3x3", parts)
        return trace(replace(workload, create=create)).peak_bytes

    in_parts, whole = peak(5), peak(1)
    monkeypatch.setattr(DeployedNetwork, "run_by", lambda *_: None)
    assert in_parts < 0.7 * whole
    assert whole < 0.5 * peak(1)
