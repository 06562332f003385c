"""What a search leaves can be kept: the network that the host builds of it predicts the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.contracts import Deployable, DerivesNetwork, SearchBatch, SearchContext
from harness.space.architecture import CellArchitecture
from harness.space.deployed import DeployedNetwork

MakeContext = Callable[..., SearchContext]
MakeBatch = Callable[..., SearchBatch]
Searched = Callable[[str], Any]

METHODS = [
    "bias-only", "darts", "last-layer", "metanas", "pcdarts", "proxylessnas", "random",
    "random-alpha", "weights-only", "onnas", "darts-minus", "evolution", "fairdarts", "gdas",
    "sparse-update", "drnas",
]  # fmt: skip


def built(model: Deployable) -> DeployedNetwork:
    """Build the network from its description as JSON, with nothing but its tensors."""
    described = CellArchitecture.model_validate_json(model.architecture.model_dump_json())
    network = DeployedNetwork(described)
    network.load_state_dict(dict(model.tensors))
    return network.eval()


@pytest.mark.parametrize("name", METHODS)
def test_network_predicts_what_the_method_does(
    name: str, searched: Searched, make_batch: MakeBatch
) -> None:
    """What is kept gives the method's logits, whatever its cells are."""
    method = searched(name)
    images = make_batch(5, seed=3).weights.images
    with torch.no_grad():
        found = built(method.deployable())(images)
    torch.testing.assert_close(found, method.predict(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [each for each in METHODS if each not in {"random", "evolution"}])
def test_derived_network_is_that_of_the_architecture(
    name: str, searched: Searched, make_batch: MakeBatch
) -> None:
    """The derived network has the operations of the architecture, and the weights they learned."""
    method = searched(name)
    genotype, model = method.architecture(), method.derived()
    network: Any = built(model)
    assert network(make_batch(5).weights.images).shape == (5, 3)
    for kind in ("normal", "reduction"):
        for terms, edges in zip(
            getattr(model.architecture, kind), getattr(genotype, kind), strict=True
        ):
            assert [(term.input, term.operation) for term in terms[:2]] == list(edges)
    learned = dict(method.net.named_parameters())
    assert torch.equal(network.stem[0].weight, learned["stem.0.weight"])
    for place, edge in enumerate(genotype.normal[1]):
        prefix = f"cells.0.nodes.1.{edge.input}.{edge.operation}."
        mine = dict(network.cells[0].nodes[1][place].named_parameters())
        for key in [key for key in learned if key.startswith(prefix)]:
            assert torch.equal(mine[key.removeprefix(prefix)], learned[key])


def test_discrete_network_has_no_smaller_one(build: Any, make_context: MakeContext) -> None:
    """Random search trains discrete networks from the start: nothing follows from one."""
    assert not isinstance(build("random", make_context(steps=1)), DerivesNetwork)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"channels": 0}, "channels"),
        ({"channels": 10**9}, "channels"),
        ({"share": 3}, "share"),
        ({"extra": 1}, "extra"),
        ({"kind": "other"}, "kind"),
        ({"normal": [[[0, "os.system", 1.0]]] * 3}, "operation"),
        ({"normal": [[[9, "conv_3x3", 1.0]]] * 3}, "input"),
        ({"normal": [[]] * 3}, "no operation"),
        ({"normal": [[[0, "bypass", 1.0]]] * 3}, "operation"),
        ({"normal": [[[0, "conv_3x3", 1.0]] * 257] * 3}, "normal"),
        ({"image_shape": [3, 10**6, 8]}, "image_shape"),
        ({"classes": "5"}, "classes"),
    ],
)
def test_description_is_held_to_its_bounds(change: dict[str, Any], word: str) -> None:
    """Nothing that is unknown, out of range or of another type is an architecture."""
    node = [[0, "conv_3x3", 1.0]]
    sound = {
        "image_shape": [3, 8, 8],
        "classes": 2,
        "channels": 4,
        "affine": True,
        "normal": [node] * 3,
        "reduction": [node] * 3,
    }
    assert CellArchitecture.model_validate_json(json.dumps(sound))
    with pytest.raises(ValueError, match=word):
        CellArchitecture.model_validate_json(json.dumps({**sound, **change}))
