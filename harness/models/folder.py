"""The folder of a model: a few plain files, and checksums of all of them.

MODEL/architecture.json      what the network is, see `NetworkArchitecture`
MODEL/weights.safetensors    its tensors
MODEL/classes.json           the names of the classes, by label
MODEL/preprocessing.json     what is done to an image before
MODEL/card.md, card.html     what it is, for people (of `harness adapt`)
MODEL/record.json            the record of the trial that made it (of `harness adapt`)
MODEL/manifest.json          version, and size and SHA-256 of the other files

To read one runs no code, whoever made it: every file has a bound and a strict model, names are of a
closed list, links are not followed, and tensors must have the shapes that the architecture says
before any memory is taken for them. A folder appears under its name whole, or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, TypeAdapter, ValidationError

from harness import __version__
from harness.errors import UsageError
from harness.space.architecture import NetworkArchitecture
from harness.system.files import sync_file, whole_folder

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "MOST_OF_FILE",
    "WEIGHTS",
    "Manifest",
    "ModelError",
    "ModelFiles",
    "Preparation",
    "check_model",
    "pack_model",
    "publish",
    "read_listed",
    "read_parts",
    "read_texts",
    "refuse_taken",
]

SCHEMA: Literal[1] = 1

EXPECTED = "expected a folder that `harness adapt` has made"
MANIFEST = "manifest.json"
WEIGHTS: Final = "weights.safetensors"
REQUIRED = ("architecture.json", "classes.json", "preprocessing.json", WEIGHTS)

FileName = Literal[
    "architecture.json", "classes.json", "preprocessing.json", "weights.safetensors",
    "card.md", "card.html", "record.json",
]  # fmt: skip

MOST_BYTES = 16 * 2**20  # of a file of text; a card has pictures
MOST_WEIGHTS = 2 * 2**30  # bytes

MOST_OF_FILE: Mapping[str, int] = {
    **dict.fromkeys(get_args(FileName), MOST_BYTES), WEIGHTS: MOST_WEIGHTS, MANIFEST: 2**20,
}  # fmt: skip
"""The files that a model folder may have, and how large each may be, in bytes."""

ModelFiles = Mapping[str, bytes]

Parsed = TypeVar("Parsed")


class ModelError(UsageError):
    """A model folder that cannot be used or made; the message says which, and what is wrong."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class FileEntry(_Strict):
    """What the manifest says of a file."""

    bytes: Annotated[int, Field(ge=0, le=MOST_WEIGHTS)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(_Strict):
    """`manifest.json`."""

    schema_version: Annotated[int, Field(alias="schema")]
    made_by: Annotated[str, Field(max_length=200)]
    files: dict[FileName, FileEntry]


class Preparation(_Strict):
    """What is done to an image: the centre square, resized, standardised channel by channel."""

    size: Annotated[int, Field(ge=1, le=4096, description="height and width in pixels")]
    mode: Literal["gray", "rgb"]
    mean: Annotated[tuple[float, ...], Field(description="of each channel, in units of 0 to 255")]
    deviation: tuple[PositiveFloat, ...]


# Made once: what reads a stranger's file makes nothing more of pydantic's while it does.
Architecture: TypeAdapter[NetworkArchitecture] = TypeAdapter(NetworkArchitecture)
Classes = TypeAdapter(
    Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...],
        Field(min_length=1, max_length=100_000),
    ]
)


def pack_model(
    architecture: NetworkArchitecture,
    tensors: Mapping[str, Tensor],
    classes: tuple[str, ...],
    preprocessing: Preparation,
) -> ModelFiles:
    """Return the files of a model, but for the manifest."""
    from safetensors.torch import save  # noqa: PLC0415 - torch, only where there are tensors

    kept = {name: each.detach().cpu().contiguous().clone() for name, each in tensors.items()}
    return {
        "architecture.json": _text(architecture.model_dump(mode="json")),
        "classes.json": _text(list(classes)),
        "preprocessing.json": _text(preprocessing.model_dump(mode="json")),
        WEIGHTS: save(kept),
    }


def publish(folder: Path, files: ModelFiles) -> None:
    """Make a model folder of files, whole or not at all.

    Raises:
        ModelError: there is something already, or the disk refuses.
    """
    entries = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    made_by = f"onnas-harness {__version__}"
    manifest = _text({"schema": SCHEMA, "made_by": made_by, "files": entries})
    refuse_taken(folder)
    try:
        with whole_folder(folder) as temporary:
            for name, content in {**files, MANIFEST: manifest}.items():
                _write(temporary / name, content)
    except OSError as error:
        reason = error.strerror or error
        raise ModelError(f"the model folder '{folder}' cannot be written: {reason}") from None


def check_model(folder: Path) -> None:
    """Check every file of a model folder against the manifest.

    Raises:
        ModelError: see `read_texts`.
    """
    manifest, files = read_texts(folder)
    read_parts(folder, files)
    read_listed(folder, manifest, WEIGHTS, MOST_WEIGHTS)


def refuse_taken(folder: Path) -> None:
    """Check that a model folder could be made here.

    Raises:
        ModelError: there is something already.
    """
    try:
        taken = folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise ModelError(f"'{folder}' cannot be looked into: {error.strerror}") from None
    if taken:
        raise ModelError(f"'{folder}' is there already; give another folder with --output")
    above = next(each for each in folder.absolute().parents if each.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        raise ModelError(f"'{folder}' cannot be made: '{above}' is not writable")


def read_texts(folder: Path) -> tuple[Manifest, ModelFiles]:
    """Read a model folder but for its weights, and check every file against the manifest.

    Raises:
        ModelError: it is no model folder, of another version, cut, changed, or reaches outside.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise ModelError(f"'{folder}' {what}; {EXPECTED}")
    manifest = _manifest(folder)
    names = [name for name in manifest.files if name != WEIGHTS]
    return manifest, {name: read_listed(folder, manifest, name, MOST_BYTES) for name in names}


def read_listed(folder: Path, manifest: Manifest, name: FileName, most: int) -> bytes:
    """Read a file of at most `most` bytes that is what the manifest says of it.

    Raises:
        ModelError: it is not, or is larger.
    """
    entry = manifest.files[name]
    if entry.bytes > most:
        raise ModelError(
            f"'{folder / name}' is larger than this model can be: {entry.bytes:,} bytes"
        )
    content = _read(folder / name, entry.bytes)
    if len(content) != entry.bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ModelError(
            f"'{folder / name}' is not what the manifest says: it was cut or changed; copy the "
            "model folder again"
        )
    return content


def read_parts(
    folder: Path, files: ModelFiles
) -> tuple[NetworkArchitecture, tuple[str, ...], Preparation]:
    """Return architecture, class names and preprocessing, checked against each other.

    Raises:
        ModelError: one of them is not what it must be.
    """
    parts: tuple[NetworkArchitecture, tuple[str, ...], Preparation] = (
        _parsed(Architecture, folder, files, "architecture.json"),
        _parsed(Classes, folder, files, "classes.json"),
        _parsed(TypeAdapter(Preparation), folder, files, "preprocessing.json"),
    )
    architecture, classes, preparing = parts
    channels = 1 if preparing.mode == "gray" else 3
    shape = (channels, preparing.size, preparing.size)
    if architecture.image_shape != shape:
        raise ModelError(f"'{folder}': the network does not take the images that are prepared")
    if not len(preparing.mean) == len(preparing.deviation) == channels:
        raise ModelError(f"'{folder / 'preprocessing.json'}' needs a mean for each channel")
    if len(classes) != architecture.classes or len(set(classes)) != len(classes):
        raise ModelError(f"'{folder / 'classes.json'}' does not name each class once")
    return parts


def _manifest(folder: Path) -> Manifest:
    if not (folder / MANIFEST).exists():
        raise ModelError(f"'{folder}' has no {MANIFEST}; {EXPECTED}")
    content = _read(folder / MANIFEST, 2**20)
    try:
        told = json.loads(content)
        schema = told.get("schema") if isinstance(told, dict) else None
    except (ValueError, RecursionError):
        raise ModelError(f"'{folder / MANIFEST}' is not the manifest of a model") from None
    if schema != SCHEMA or isinstance(schema, bool):
        raise ModelError(
            f"'{folder}' is a model of version {str(schema)[:20]}, which this harness does not "
            f"read; it reads version {SCHEMA}"
        )
    manifest = _parsed(TypeAdapter(Manifest), folder, {MANIFEST: content}, MANIFEST)
    missing = [name for name in REQUIRED if name not in manifest.files]
    if missing:
        raise ModelError(f"'{folder / MANIFEST}' lists no {missing[0]}")
    return manifest


def _parsed(kind: TypeAdapter[Parsed], folder: Path, files: ModelFiles, name: str) -> Parsed:
    try:
        return kind.validate_json(files[name], strict=True)
    except (ValidationError, RecursionError) as error:
        told = error.errors()[0] if isinstance(error, ValidationError) else {"msg": "too deep"}
        where = ".".join(map(str, told.get("loc", ())))[:100]
        reason = f"{where}: {told['msg'][:200]}" if where else told["msg"][:200]
        raise ModelError(f"'{folder / name}' cannot be used: {reason}") from None


def _read(path: Path, most: int) -> bytes:
    """Read a regular file of at most `most` bytes; one byte more shows that it is longer."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if path.is_symlink() or not path.is_file():
            what = "is not a regular file" if path.exists() else "is missing"
            raise ModelError(f"'{path}' {what}; a model folder has all its files in itself")
        with os.fdopen(os.open(path, flags), "rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror or error}") from None


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        sync_file(file.fileno(), path)


def _text(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
