"""Fine-tuning: what learns and what stays, and that its weights are published ones, or none."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from harness_baselines.parameters import PUBLISHED, TransferParameters
from safetensors.torch import load_file
from torchvision import models

import harness
from harness.conformance.cost_rules import ESTIMATE_EQUALS_COUNT
from harness.conformance.judging import judge
from harness.conformance.rule import Address, Subject
from harness.contracts import FindsArchitecture, SearchBatch, SearchContext
from harness.errors import DataError, UsageError
from harness.models.model import BackboneNetwork, network_of
from harness.plugins.loading import load_plugins
from harness.plugins.selection import select, select_usable
from harness.space.architecture import BackboneArchitecture

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]


@pytest.mark.parametrize(
    ("tune", "learned"), [("last", {"classifier.3"}), ("bias", {".bias"}), ("all", {""})]
)
def test_what_is_not_tuned_stays_to_the_bit(
    tune: str,
    learned: set[str],
    build: Any,
    make_context: MakeContext,
    make_batch: MakeBatch,
    backbone_weights: Path,
) -> None:
    """Weights start as they were published, and what learns is what was asked for."""
    method = build("transfer", make_context(), weights=str(backbone_weights), tune=tune, size=32)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    published = {f"body.{name}": value for name, value in load_file(backbone_weights).items()}
    last = {name for name in before if "classifier.3" in name}
    assert all(torch.equal(before[name], published[name]) for name in before.keys() - last)
    for _ in range(2):
        metrics = method.search_step([make_batch()])
    assert metrics["loss"] > 0
    changed = {
        name for name, value in method.state_dict().items() if not torch.equal(value, before[name])
    }
    assert last <= changed
    assert all(name in last or any(part in name for part in learned) for name in changed)
    assert len(changed) > len(last) or tune == "last"
    assert not any("running" in name for name in changed)
    assert not isinstance(method, FindsArchitecture)


def test_memory_is_counted_as_for_every_method(backbone_weights: Path, tmp_path: Path) -> None:
    """What an estimate says of it, of all tensors, is what a trial counts, to the byte."""
    text = f"transfer[weights={backbone_weights},size=32,tune=all]"
    subject = Subject.at(Address("method", text, None, tmp_path))
    verdict = judge(ESTIMATE_EQUALS_COUNT, subject)
    assert verdict.status == "kept", verdict.came


def test_record_has_no_architecture_and_tells_its_storage(
    backbone_weights: Path, scratch: Path
) -> None:
    """A few-shot trial leaves a record like others: all weights are stored, no optimizer state."""
    found = harness.run(
        [f"transfer[weights={backbone_weights},size=32]"], device="jetson",
        budget="quick,tasks=1,search_steps=2", output=scratch / "out", progress=False,
    )  # fmt: skip
    (trial,) = found.results.trials
    record = trial.record
    assert (record.status, record.architecture) == ("ok", None)
    network = BackboneNetwork(described(classes=5))
    stored = sum(each.numel() * each.element_size() for each in network.state_dict().values())
    assert record.metrics["storage"].value == pytest.approx(stored / 2**20)
    assert record.method.params["sha256"]
    assert "sha256" not in record.label


def described(channels: int = 1, classes: int = 3) -> BackboneArchitecture:
    return BackboneArchitecture(
        image_shape=(channels, 8, 8), classes=classes, backbone="mobilenet_v3_small", size=32
    )


def test_one_channel_is_three_alike() -> None:
    """A gray image is classified as the same image in colour is."""
    network = network_of(described()).eval()
    images = torch.randn(2, 1, 8, 8)
    assert torch.equal(network(images), network(images.repeat(1, 3, 1, 1)))


def test_without_weights_it_is_left_out_or_refused(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never is a network that learned nothing taken for one that did."""
    monkeypatch.setenv("TORCH_HOME", str(scratch))
    selections, _, left_out = select_usable(load_plugins(), ["all"])
    assert "transfer" not in {each.name for each in selections}
    assert "are not at hand" in left_out["transfer"]
    with pytest.raises(UsageError, match=r"weights=FILE, or say download=true"):
        harness.run(["transfer"], output=scratch / "out", progress=False)
    assert not (scratch / "out").exists()


def test_torchvisions_cache_is_found(
    backbone_weights: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, build: Any,
    make_context: MakeContext,
) -> None:  # fmt: skip
    """What torchvision has downloaded is taken; a file there that holds code runs none."""
    monkeypatch.setenv("TORCH_HOME", str(scratch))
    folder = scratch / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    path = folder / PUBLISHED["mobilenet_v3_small"]
    torch.save(load_file(backbone_weights), path)
    assert build("transfer", make_context(), size=32).state_dict()

    path.write_bytes(pickle.dumps({"features.0.0.weight": Code(scratch / "ran")}))
    with pytest.raises(DataError, match="cannot be obtained"):
        build("transfer", make_context(), size=32)
    assert not (scratch / "ran").exists()


class Code:
    """Runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_other_weights_are_refused(
    backbone_weights: Path, scratch: Path, build: Any, make_context: MakeContext
) -> None:
    """A file that is none, of another network, or not what a record names is told in a sentence."""
    weights = str(backbone_weights)
    with pytest.raises(DataError, match=r"not those of resnet18: .* is missing"):
        build("transfer", make_context(), weights=weights, backbone="resnet18")
    (scratch / "none.safetensors").write_bytes(pickle.dumps({}))
    with pytest.raises(DataError, match="holds no tensors"):
        build("transfer", make_context(), weights=str(scratch / "none.safetensors"))
    with pytest.raises(UsageError, match="'nowhere' cannot be read"):
        select(load_plugins(), "method", "transfer[weights=nowhere]")
    with pytest.raises(UsageError, match="is not the file of that sha256"):
        select(load_plugins(), "method", f"transfer[weights={weights},sha256={'0' * 64}]")


def test_published_files_are_torchvisions() -> None:
    """The names of the files are those of torchvision's present weights."""
    for backbone, file in PUBLISHED.items():
        assert models.get_model_weights(backbone).DEFAULT.url.endswith(f"/{file}")
    assert TransferParameters(download=True).missing() == ""
