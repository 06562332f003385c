"""Decoded images on disk: one folder a data set, one memory-mapped array a split.

A folder gets its name only when it is complete, so neither a kill nor two processes that build it
at once leave anything half-made. A folder is checked when it is opened, and built again if it is
damaged, out of date or of another format.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from harness.canonical import digest
from harness.data.layout import DatasetLayout, ImagePlace, channel_statistics, fingerprint
from harness.errors import DataError
from harness.system.files import sync_file, sync_folder

__all__ = ["TEMPORARY", "Cache", "DatasetContent", "open_or_build"]

FORMAT = 2  # goes up whenever the same files would give other pixels, or the folder another form
DECODER = f"{FORMAT}, Pillow {PIL.__version__}"  # which decodes JPEG, and resizes

TEMPORARY = ".building-"  # how names of folders begin that are removed if they are abandoned

_ATTEMPTS = 3  # another process may be putting its own in place of ours as we look
_ABANDONED_S = 24 * 3600  # after this, a temporary folder belongs to a process that was killed


@dataclass(frozen=True)
class DatasetContent:
    """The content for a new cache: the image of every place of the layout, in any order."""

    layout: DatasetLayout
    images: Iterable[tuple[ImagePlace, NDArray[np.uint8]]]  # pixels of shape `layout.shape`


class _Meta(BaseModel):
    """The content of `meta.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    decoder: str = ""  # folders of earlier versions do not say
    stamp: str
    fingerprint: str
    shape: tuple[int, int, int]
    counts: dict[str, dict[str, int]]
    mean: list[float]
    deviation: list[float]


@dataclass(frozen=True)
class Cache:
    """The decoded images of a data set, read from disk as they are used."""

    folder: Path
    fingerprint: str
    layout: DatasetLayout
    mean: list[float]  # of each channel, in units of 0 to 255
    deviation: list[float]
    arrays: Mapping[str, NDArray[np.uint8]]  # of each split, (images, channels, height, width)
    digests: Mapping[str, NDArray[np.uint64]]  # of each split's images, (images,)


def open_or_build(
    folder: Path,
    stamp: Mapping[str, Any],
    make: Callable[[], DatasetContent],
    report: Callable[[str], None] = lambda _: None,
) -> Cache:
    """Open the cache in `folder`; build it first if it is missing, damaged or out of date.

    Args:
        folder: where the cache is or will be.
        stamp: JSON that changes whenever `make` would give other images.
        make: called only if there is something to build.
        report: is told if images are decoded anew, since other code had decoded them.

    Raises:
        DataError: from `make`, or the cache cannot be written.
    """
    key = digest({"decoder": DECODER, **stamp})
    for _ in range(_ATTEMPTS):
        cache = _open(folder, key)
        if cache is not None:
            return cache
        if _is_of_other_decoder(folder):
            report(
                f"the images in {folder} were decoded by another version of the harness or of "
                "Pillow; they are decoded again"
            )
        _build(folder, key, make())
    raise DataError(f"the data cache '{folder}' cannot be read back after it was written")


# Reading


def _open(folder: Path, key: str) -> Cache | None:
    """Return the cache in `folder`; None if it is not exactly what is wanted."""
    try:
        meta = _Meta.model_validate_json((folder / "meta.json").read_bytes())
        if meta.stamp != key:
            return None
        layout = DatasetLayout(meta.shape, meta.counts)
        arrays = {
            split: _open_array(folder / _file_name(index), (layout.images(split), *meta.shape))
            for index, split in enumerate(meta.counts)
        }
        digests = {
            split: _open_digests(folder / _digests_name(index), layout.images(split))
            for index, split in enumerate(meta.counts)
        }
    except Exception:  # whatever is wrong with it, the remedy is to build it again
        return None
    return Cache(folder, meta.fingerprint, layout, meta.mean, meta.deviation, arrays, digests)


def _is_of_other_decoder(folder: Path) -> bool:
    with suppress(OSError, ValueError):
        meta = _Meta.model_validate_json((folder / "meta.json").read_bytes())
        return meta.decoder != DECODER
    return False


def _open_array(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    whole = isinstance(array, np.memmap) and path.stat().st_size == array.offset + array.nbytes
    if not whole or array.dtype != np.uint8 or array.shape != shape:
        raise ValueError(f"{path} does not hold what meta.json says")
    return array


def _open_digests(path: Path, images: int) -> NDArray[np.uint64]:
    digests: NDArray[np.uint64] = np.load(path, allow_pickle=False)
    if digests.dtype != np.uint64 or digests.shape != (images,):
        raise ValueError(f"{path} does not hold what meta.json says")
    return digests


def _digests_name(index: int) -> str:
    return f"split{index}-digests.npy"


def _file_name(index: int) -> str:
    """Name the array of the split at `index`; a split's own name may not suit a file."""
    return f"split{index}.npy"


# Writing


def _build(folder: Path, key: str, content: DatasetContent) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder.parent)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder.parent))
        try:
            _write_arrays(temporary, content)
            _write_meta(temporary, key, content.layout)
            _publish(temporary, folder, key)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"the data cache '{folder}' cannot be written ({error}); choose another with "
            "--cache-root or HARNESS_CACHE"
        ) from error


def _write_arrays(folder: Path, content: DatasetContent) -> None:
    """Write each image at its place.

    With ordinary writes, as a full disk is an error to these and a fatal signal to a memory map.
    """
    layout, size = content.layout, int(np.prod(content.layout.shape))
    digests = {split: np.zeros(layout.images(split), np.uint64) for split in layout.counts}
    written = 0
    with ExitStack() as stack:
        files: dict[str, tuple[BinaryIO, int]] = {}  # with the position of the first image
        for index, split in enumerate(layout.counts):
            file: BinaryIO = stack.enter_context((folder / _file_name(index)).open("wb"))
            files[split] = (file, _write_header(file, (layout.images(split), *layout.shape)))
        for place, pixels in content.images:
            file, start = files[place.split]
            file.seek(start + place.row * size)
            file.write(pixels.tobytes())
            digests[place.split][place.row] = _digest_of(pixels)
            written += 1
        for file, _ in files.values():
            _flush(file, folder)
    for index, split in enumerate(layout.counts):
        np.save(folder / _digests_name(index), digests[split])
    if written != layout.total:
        raise DataError("the data set changed while it was read; please try again")


def _digest_of(pixels: NDArray[np.uint8]) -> int:
    """Return a digest of 64 bits of an image's pixels."""
    return int.from_bytes(hashlib.blake2b(pixels.tobytes(), digest_size=8).digest(), "big")


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> int:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.tell()


def _write_meta(folder: Path, key: str, layout: DatasetLayout) -> None:
    arrays = {
        split: _open_array(folder / _file_name(index), (layout.images(split), *layout.shape))
        for index, split in enumerate(layout.counts)
    }
    mean, deviation = channel_statistics(arrays)
    meta = _Meta(
        format=FORMAT,
        decoder=DECODER,
        stamp=key,
        fingerprint=fingerprint(layout, arrays),
        shape=layout.shape,
        counts={split: dict(classes) for split, classes in layout.counts.items()},
        mean=mean,
        deviation=deviation,
    )
    with (folder / "meta.json").open("wb") as file:
        file.write(meta.model_dump_json(indent=1).encode())
        _flush(file, folder)


def _publish(temporary: Path, folder: Path, key: str) -> None:
    """Give the finished folder its name, unless another process was first to do so."""
    if _open(folder, key) is None:
        # Where another process still reads it, NFS keeps its files, and so the folder.
        with tempfile.TemporaryDirectory(
            prefix=TEMPORARY, dir=folder.parent, ignore_cleanup_errors=True
        ) as aside:
            with suppress(FileNotFoundError):  # what is there is damaged or out of date
                folder.rename(Path(aside) / "old")
            try:
                temporary.rename(folder)
            except OSError:
                if not folder.exists():
                    raise
    sync_folder(folder.parent)


def _remove_abandoned(parent: Path) -> None:
    for path in parent.glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)


def _flush(file: BinaryIO, folder: Path) -> None:
    file.flush()
    sync_file(file.fileno(), folder)
