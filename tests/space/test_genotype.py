"""Discrete architectures as plain data: JSON, text, and what is refused."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import UsageError
from harness.space.genotype import Edge, Genotype
from harness.space.spec import METANAS

NODES = (
    (Edge(0, "conv_3x3"), Edge(1, "skip_connect")),
    (Edge(1, "max_pool_3x3"), Edge(2, "sep_conv_3x3")),
    (Edge(0, "dil_conv_3x3"), Edge(3, "conv_1x5_5x1")),
)
GENOTYPE = Genotype(normal=NODES, reduction=NODES)


def test_json_round_trip() -> None:
    """What is written as JSON is read back as it was."""
    text = GENOTYPE.to_json()
    assert Genotype.from_json(text) == GENOTYPE
    assert json.loads(text)["normal"][0] == [[0, "conv_3x3"], [1, "skip_connect"]]
    assert isinstance(Genotype.from_json(text).reduction[2][1], Edge)


def test_text_names_inputs_and_operations() -> None:
    """The text form writes each node as a sum of operations of named inputs."""
    assert str(GENOTYPE).splitlines()[:4] == [
        "normal cell",
        "  node 0 = conv_3x3(older) + skip_connect(newer)",
        "  node 1 = max_pool_3x3(newer) + sep_conv_3x3(node 0)",
        "  node 2 = dil_conv_3x3(older) + conv_1x5_5x1(node 1)",
    ]


def changed(*path_and_value: Any) -> str:
    """Return the JSON form with the value at a path replaced."""
    *path, last, value = path_and_value
    data = json.loads(GENOTYPE.to_json())
    target = data
    for key in path:
        target = target[key]
    target[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid JSON"),
        ("{}", "normal: Field required"),
        (changed("cells", 4), "cells: Extra inputs are not permitted"),
        (changed("normal", []), "normal: .*at least 1"),
        (changed("normal", 1, []), "normal.1"),
        (changed("normal", 0, 0, 1, "<b>"), "normal.0.0.1: .*pattern"),
        (changed("reduction", 1, 1, 0, 3), "reduction: node 1 has input 3, .*0 to 2"),
        (changed("reduction", 0, 0, 0, -1), "input -1, which must be 0 to 1"),
        (changed("normal", 2, 1, 0, 0), "node 2 must have two different inputs, the lower"),
    ],
)
def test_bad_input_is_refused_saying_where(text: str, message: str) -> None:
    """What is no architecture of this space gets one sentence that names the place."""
    with pytest.raises(UsageError, match=message) as caught:
        Genotype.from_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed("normal", 0, 0, 1, "conv_3x4"), "node 0 of the normal .*did you mean 'conv_3x3'"),
        (changed("normal", json.loads(GENOTYPE.to_json())["normal"][:2]), "2 nodes; .*has 3"),
    ],
)
def test_an_architecture_of_another_space_is_refused(text: str, message: str) -> None:
    """A space knows its operations and how many nodes its cells have."""
    with pytest.raises(UsageError, match=message):
        METANAS.check(text)
    assert METANAS.check(GENOTYPE.to_json()) == GENOTYPE.to_json()


def test_no_torch_is_needed(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Reading an architecture and a method's parameters imports no torch."""
    modules = (
        "harness.space.genotype, harness.space.spec, harness.experiment.trial, "
        "harness_onnas.parameters, harness_baselines.parameters, harness_onnas, harness_baselines"
    )
    done = run_python("-c", f"import sys, {modules}; sys.exit('torch' in sys.modules)")
    assert done.returncode == 0, done.stderr
