"""A model folder is read whole or refused in a sentence, whoever made it."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.models.folder import ModelError, publish, read_texts, refuse_taken
from harness.models.model import load_model

TEXTS = ("architecture.json", "classes.json", "preprocessing.json")


def rewrite(folder: Path, name: str, content: bytes) -> None:
    """Change a file as a stranger can who makes the manifest, too."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    sha256 = hashlib.sha256(content).hexdigest()
    manifest["files"][name] = {"bytes": len(content), "sha256": sha256}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def change(folder: Path, name: str, **changes: Any) -> None:
    """Change keys of a file of JSON."""
    rewrite(
        folder, name, json.dumps({**json.loads((folder / name).read_bytes()), **changes}).encode()
    )


def test_sound_folder_is_read(model_folder: Path) -> None:
    """What was packed is what is loaded, to the bit."""
    first, second = load_model(model_folder), load_model(model_folder)
    assert first.classes == ("cat", "dog", "owl")
    states = first.network.state_dict(), second.network.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("name", [*TEXTS, "weights.safetensors"])
def test_changed_byte_is_found(model_folder: Path, name: str) -> None:
    """One flipped bit anywhere is refused, since a checksum does not hold."""
    content = bytearray((model_folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model_folder / name).write_bytes(bytes(content))
    with pytest.raises(ModelError, match=f"{name}' is not what the manifest says"):
        load_model(model_folder)


@pytest.mark.parametrize("name", [*TEXTS, "weights.safetensors", "manifest.json"])
def test_cut_or_missing_file_is_named(model_folder: Path, name: str) -> None:
    """A file that is cut short, or is not there, is named."""
    content = (model_folder / name).read_bytes()
    (model_folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=name):
        load_model(model_folder)
    (model_folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name}' is missing|has no manifest.json; expected"):
        load_model(model_folder)


def test_other_version_is_refused(model_folder: Path) -> None:
    """The version comes first: what else a later one holds, this harness cannot know."""
    path = model_folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "schema": 2, "new": True}))
    with pytest.raises(ModelError, match="a model of version 2"):
        load_model(model_folder)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "weights/../../secret", "run.py"])
def test_manifest_names_known_files_alone(model_folder: Path, name: str) -> None:
    """No name leads out of the folder: there is a closed list of them."""
    path = model_folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"manifest\.json' cannot be used"):
        load_model(model_folder)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_link_is_not_followed(model_folder: Path, tmp_path: Path) -> None:
    """A file that is a link to outside is refused, even to the same bytes."""
    path = model_folder / "classes.json"
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ModelError, match="has all its files in itself"):
        load_model(model_folder)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("architecture.json", {"path": "../outside"}),
        ("architecture.json", {"channels": 4}),
        ("architecture.json", {"channels": 1024}),
        ("architecture.json", {"image_shape": [3, 4096, 4096]}),
        ("architecture.json", {"classes": 4}),
        ("architecture.json", {"affine": False}),
        ("preprocessing.json", {"size": 16}),
        ("preprocessing.json", {"mode": "gray"}),
        ("preprocessing.json", {"mean": [1.0]}),
        ("preprocessing.json", {"deviation": [0.0, 1.0, 1.0]}),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    model_folder: Path, name: str, changes: dict[str, Any]
) -> None:
    """Whatever a stranger's checksums say, the parts must make one model."""
    change(model_folder, name, **changes)
    with pytest.raises(ModelError):
        load_model(model_folder)


@pytest.mark.parametrize("names", [["cat", "dog"], ["cat", "cat", "owl"], [], "cat", ["a", "b", 3]])
def test_each_class_has_one_name(model_folder: Path, names: object) -> None:
    """There are as many names as the network has classes, and no two alike."""
    rewrite(model_folder, "classes.json", json.dumps(names).encode())
    with pytest.raises(ModelError, match=r"classes\.json"):
        load_model(model_folder)


def test_numbers_that_are_not_finite_are_refused(model_folder: Path) -> None:
    """Weights of NaN would predict the first class for everything."""
    from safetensors.torch import load, save  # noqa: PLC0415 - with torch

    tensors = load((model_folder / "weights.safetensors").read_bytes())
    tensors["head.bias"][0] = torch.nan
    rewrite(model_folder, "weights.safetensors", save(tensors))
    with pytest.raises(ModelError, match="not finite"):
        load_model(model_folder)


def test_weights_larger_than_the_network_are_not_read(model_folder: Path) -> None:
    """The size is looked at before any memory is taken."""
    path = model_folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["files"]["weights.safetensors"]["bytes"] = 2**31
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="larger than this model can be"):
        load_model(model_folder)


def test_nothing_half_made_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full leaves neither a folder nor a temporary one, and a sentence."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ModelError, match="cannot be written: No space left on device") as caught:
        publish(tmp_path / "model", {"classes.json": b"[]"})
    assert caught.value.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_overwritten(model_folder: Path) -> None:
    """A folder with something in it stays as it is."""
    before = {path: path.read_bytes() for path in model_folder.iterdir()}
    with pytest.raises(ModelError, match="is there already"):
        publish(model_folder, {"classes.json": b"[]"})
    assert {path: path.read_bytes() for path in model_folder.iterdir()} == before


def test_place_that_is_not_writable_is_told_before_anything_is_run(tmp_path: Path) -> None:
    """A model that could not be left is not made first."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs").chmod(0o555)
    if os.access(tmp_path / "theirs", os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(ModelError, match="theirs' is not writable"):
        refuse_taken(tmp_path / "theirs" / "new" / "model")


VARIANTS = 500


def test_strangers_folder_runs_no_code_and_raises_nothing_else(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 damaged folders, most with checksums that hold: each is read, or refused in a sentence.

    Nothing is imported, evaluated or unpickled meanwhile.
    """
    load_model(model_folder)  # imports all that reading needs
    monkeypatch.setattr("builtins.__import__", _no_new_module(__import__))
    monkeypatch.setattr("pickle.loads", _refuse)
    monkeypatch.setattr("pickle.Unpickler", _refuse)
    monkeypatch.setattr("torch.load", _refuse)
    sound = {path.name: path.read_bytes() for path in model_folder.iterdir()}
    refused, sentences = 0, list[str]()
    for seed in range(VARIANTS):
        draw = random.Random(seed)  # noqa: S311 - not to keep secrets
        name = draw.choice([*TEXTS, "weights.safetensors", "manifest.json"])
        content = _damaged(sound[name], draw)
        if name == "manifest.json":
            (model_folder / name).write_bytes(content)
        else:
            rewrite(model_folder, name, content)
        try:
            load_model(model_folder)
        except ModelError as error:
            refused += 1
            sentences.append(str(error))
        for path, old in sound.items():
            (model_folder / path).write_bytes(old)
    assert refused > VARIANTS / 4
    assert not [each for each in sentences if str(model_folder) not in each]


def _damaged(content: bytes, draw: random.Random) -> bytes:
    """Return bytes with a part cut, doubled, flipped or replaced by what a reader may choke on."""
    start = draw.randrange(len(content))
    end = min(len(content), start + draw.randrange(1, 40))
    part = draw.choice(
        [
            b"",
            content[start:end] * 2,
            bytes(each ^ (1 << draw.randrange(8)) for each in content[start:end]),
            draw.choice([b"NaN", b"1e999", b"-1", b"99999999999999999999", b"null", b"{}", b"[[["]),
            draw.choice([b'"__import__"', b"\xff\xfe", b'"../../etc/passwd"', b"\x00" * 8]),
        ]
    )
    return content[:start] + part + content[end:]


def _refuse(*_: object, **__: object) -> Any:
    raise AssertionError("code of a stranger could run here")


def _no_new_module(importing: Callable[..., Any]) -> Callable[..., Any]:
    import sys  # noqa: PLC0415 - for this alone

    def guarded(name: str, *arguments: Any, **options: Any) -> Any:
        known = name in sys.modules or name.split(".", maxsplit=1)[0] in {
            "safetensors",
            "torch",
            "encodings",
        }
        assert known, f"{name} is imported"
        return importing(name, *arguments, **options)

    return guarded


def test_card_of_a_stranger_is_checked_too(model_folder: Path) -> None:
    """Every file that the manifest lists is compared with it, whatever it is for."""
    rewrite(model_folder, "card.md", b"# A card\n")
    assert "card.md" in read_texts(model_folder)[1]
    (model_folder / "card.md").write_bytes(b"# B card\n")
    with pytest.raises(ModelError, match=r"card\.md"):
        load_model(model_folder)
