"""torchmeta's data sets give torchmeta's own episodes, as functions of their identity."""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_datasets.parameters import TorchmetaParameters
from harness_datasets.torchmeta.library import INSTALL, RULE, is_installed, load_torchmeta, seed_of
from harness_datasets.torchmeta.provider import Torchmeta
from numpy.typing import NDArray

from harness.contracts import DataRequest, Dataset, Episode
from harness.data.layout import EpisodeIdentity
from harness.errors import UsageError

pytestmark = pytest.mark.skipif(
    not is_installed(), reason=f"torchmeta is not installed: {' && '.join(INSTALL)}"
)

MakeRequest = Callable[..., DataRequest]
RunPython = Callable[..., subprocess.CompletedProcess[str]]

DRAWINGS = 6
# Characters of two alphabets in each part; Vinyals' split mixes the parts.
PARTS = ("images_background", "images_evaluation")
CHARACTERS = [(part, a, c) for part in PARTS for a in ("Aleph", "Zulu") for c in ("c1", "c2", "c3")]
VINYALS = ("train", "val", "test")


def noise(seed: int, *shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def omniglot(tmp_path: Path, hdf5: Callable[..., None]) -> Path:
    """Return a data root with a small Omniglot as torchmeta keeps it."""
    folder = tmp_path / "root" / "torchmeta" / "omniglot"
    drawings = [("/".join(c), noise(n, DRAWINGS, 105, 105)) for n, c in enumerate(CHARACTERS)]
    hdf5(folder / "data.hdf5", drawings)
    labels = {"train": CHARACTERS[:6], "test": CHARACTERS[6:]}
    labels |= {f"vinyals_{split}": CHARACTERS[n::3] for n, split in enumerate(VINYALS)}
    for name, characters in labels.items():
        (folder / f"{name}_labels.json").write_text(json.dumps(characters))
    return tmp_path / "root"


def prepared(request: DataRequest, name: str, **parameters: str) -> Dataset:
    return Torchmeta(TorchmetaParameters.model_validate({"name": name, **parameters})).prepare(
        request
    )


def sizes(dataset: Dataset) -> dict[str, tuple[int, int]]:
    return {split: (s.classes, s.images_per_class) for split, s in dataset.splits.items()}


def summed(drawn: Episode) -> str:
    parts = (drawn.support_images, drawn.support_labels, drawn.query_images, drawn.query_labels)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def torchmetas_own(root: Path, identity: EpisodeIdentity) -> list[NDArray[np.float64]]:
    """Return the images of support and query set of the task that torchmeta itself gives."""
    load_torchmeta()
    helpers = importlib.import_module("torchmeta.datasets.helpers")
    tasks = helpers.omniglot(
        str(root),
        shots=identity.shots,
        ways=identity.ways,
        test_shots=identity.queries,
        meta_split=identity.split,
        use_vinyals_split=False,
        seed=seed_of(identity),
    )
    sets = []
    with torch.random.fork_rng():
        for subset in tasks.sample_task().values():
            images = np.stack([image.numpy() for image, _ in subset]).astype(np.float64)
            # class after class -> round the classes
            sets.append(images.reshape(identity.ways, -1, *images.shape[1:]).swapaxes(0, 1))
    tasks.dataset.close()
    return [images.reshape(-1, *images.shape[2:]) for images in sets]


def test_omniglot_has_its_characters_and_their_rotations(
    omniglot: Path, request_for: MakeRequest
) -> None:
    """Six characters a split, turned by 0, 90, 180 and 270 degrees, at 28x28."""
    dataset = prepared(request_for(omniglot), "omniglot")
    assert sizes(dataset) == {"test": (24, DRAWINGS), "train": (24, DRAWINGS)}
    assert (dataset.kind, dataset.image_shape) == ("few-shot", (1, 28, 28))
    vinyals = prepared(request_for(omniglot), "omniglot", split="vinyals")
    assert sizes(vinyals) == dict.fromkeys(("test", "train", "val"), (16, DRAWINGS))
    assert vinyals.fingerprint != dataset.fingerprint


def test_episodes_are_those_that_torchmeta_gives(omniglot: Path, request_for: MakeRequest) -> None:
    """For the same seed torchmeta draws the same images in the same order, but for the scale."""
    dataset = prepared(request_for(omniglot), "omniglot")
    for index in range(20):
        identity = EpisodeIdentity(dataset.fingerprint, "test", 5, 2, 3, 1, index)
        drawn = dataset.episode("test", ways=5, shots=2, queries=3, seed=1, index=index)
        theirs = torchmetas_own(omniglot / "torchmeta", identity)
        for ours, other in zip((drawn.support_images, drawn.query_images), theirs, strict=True):
            np.testing.assert_allclose(
                (ours - ours.mean()) / ours.std(), (other - other.mean()) / other.std(), atol=1e-4
            )
        assert drawn.support_labels.tolist() == [0, 1, 2, 3, 4] * 2
        assert drawn.query_labels.tolist() == [0, 1, 2, 3, 4] * 3


def test_episode_is_a_function_of_its_identity(omniglot: Path, request_for: MakeRequest) -> None:
    """The same identity gives the same bytes, and any other gives others."""
    dataset = prepared(request_for(omniglot), "omniglot")
    changes: list[dict[str, Any]] = [{}, {"split": "train"}, {"ways": 4}]
    changes += [{"shots": 2}, {"seed": 1}, {"index": 1}, {}]
    identity = {"split": "test", "ways": 3, "shots": 1, "queries": 2, "seed": 0, "index": 0}
    sums = [summed(dataset.episode(**{**identity, **change})) for change in changes]
    assert len(set(sums)) == len(changes) - 1
    assert sums[0] == sums[-1]


def test_no_global_generator_is_used(omniglot: Path, request_for: MakeRequest) -> None:
    """Drawing an episode leaves torch's and numpy's generators where they were."""
    dataset = prepared(request_for(omniglot), "omniglot")
    before = torch.random.get_rng_state(), np.random.get_state(legacy=False)
    dataset.episode("test", ways=3, shots=1, queries=2, seed=0, index=0)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    np.testing.assert_equal(np.random.get_state(legacy=False), before[1])


def test_other_process_gives_the_same_episodes(
    omniglot: Path, tmp_path: Path, request_for: MakeRequest, run_python: RunPython
) -> None:
    """Another process, with other hashes of text, agrees."""
    dataset = prepared(request_for(omniglot), "omniglot")
    roots = [str(omniglot), str(tmp_path / "cache")]
    code = f"""
import importlib.util, pathlib
spec = importlib.util.spec_from_file_location("tests", {__file__!r})
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
dataset = tests.prepared(tests.DataRequest(*map(pathlib.Path, {roots}), print), "omniglot")
print(tests.summed(dataset.episode("test", ways=5, shots=1, queries=1, seed=2, index=3)))
"""
    drawn = dataset.episode("test", ways=5, shots=1, queries=1, seed=2, index=3)
    # Decoded images come from the cache: nothing is reported before the sum.
    assert run_python("-c", code).stdout.split() == [summed(drawn)]


def test_fingerprint_names_the_rule(omniglot: Path, request_for: MakeRequest) -> None:
    """The same images with the harness's own episodes are another data set."""
    dataset = prepared(request_for(omniglot), "omniglot")
    assert RULE.name == f"torchmeta {load_torchmeta().__version__}"
    assert dataset.fingerprint == prepared(request_for(omniglot), "omniglot").fingerprint
    with pytest.raises(UsageError, match="30 ways are more than the 24 classes of split 'test'"):
        dataset.episode("test", ways=30, shots=1, queries=1, seed=0, index=0)
    with pytest.raises(UsageError, match="has no split 'val'"):
        dataset.episode("val", ways=2, shots=1, queries=1, seed=0, index=0)
