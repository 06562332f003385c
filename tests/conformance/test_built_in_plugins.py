"""The built-in plugins keep the rules that strangers' plugins are held to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.conformance.judging import RULES, judge
from harness.conformance.rule import Address, Subject
from harness.plugins.registry import Kind

DATA = Path(os.environ["HARNESS_DATA"]) if "HARNESS_DATA" in os.environ else None
METHODS = [
    "bias-only",
    "darts",
    "darts-minus",
    "drnas",
    "evolution",
    "fairdarts",
    "gdas",
    "last-layer",
    "metanas",
    "onnas",
    "pcdarts",
    "proxylessnas",
    "random",
    "random-alpha",
    "sparse-update",
    "weights-only",
]
DEVICES = [
    "cpu",
    "cuda",
    "jetson",
    "jetson-orin-nano",
    "raspberry-pi-4",
    "raspberry-pi-5",
    "rtx3090",
]
ARCHIVES = {"omniglot": "omniglot.tar.gz", "cifar10": "cifar10.tar.gz"}


def broken(kind: Kind, text: str, cache: Path, data_root: Path | None = None) -> dict[str, str]:
    """Check every rule in this process, and return what came where one is broken."""
    subject = Subject.at(Address(kind, text, data_root, cache))
    verdicts = [judge(rule, subject) for rule in RULES[kind]]
    return {each.rule: each.came for each in verdicts if each.status == "broken"}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_built_in_methods_keep_every_rule(method: str, tmp_path: Path) -> None:
    """Every method that comes with the harness keeps all rules for methods."""
    assert broken("method", method, tmp_path) == {}


@pytest.mark.slow
def test_fine_tuning_keeps_every_rule(backbone_weights: Path, tmp_path: Path) -> None:
    """So does the control that needs weights, whatever of it learns."""
    text = f"transfer[weights={backbone_weights},size=32,tune=all]"
    assert broken("method", text, tmp_path) == {}


@pytest.mark.parametrize("device", DEVICES)
def test_built_in_devices_keep_every_rule(device: str, tmp_path: Path) -> None:
    """Every device that comes with the harness keeps all rules, at hand or emulated."""
    assert broken("device", device, tmp_path) == {}


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["glyphs", *ARCHIVES])
def test_built_in_data_sets_keep_every_rule(dataset: str, tmp_path: Path) -> None:
    """The data sets that come with the harness keep all rules, on real images where there are."""
    if (archive := ARCHIVES.get(dataset)) and (DATA is None or not (DATA / archive).exists()):
        pytest.skip(f"HARNESS_DATA has no {archive}")
    assert broken("dataset", dataset, tmp_path, DATA) == {}
