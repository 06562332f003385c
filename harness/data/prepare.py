"""Prepares data sets in one call: from image files to a data set in the cache, ready to be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.canonical import digest
from harness.contracts import DataRequest, TaskKind
from harness.data.cache import DatasetContent, open_or_build
from harness.data.dataset import CachedDataset
from harness.data.images import Preprocessing, decode
from harness.data.layout import ImagePlace, read_layout
from harness.data.sources import Files, Source

__all__ = ["counted", "decode_files", "prepare_generated", "prepare_source"]

Item = TypeVar("Item")

_REPORT_EVERY_S = 1.0


def prepare_source(
    source: Source, preprocessing: Preprocessing, request: DataRequest, *, name: str, kind: TaskKind
) -> CachedDataset:
    """Return the images of a folder or archive, decoded now or taken from the cache.

    Args:
        source: image files named `<split>/<class>/<image>`.
        preprocessing: the shape to which they are brought.
        request: where the cache is, and whom to tell.
        name: of the data set, for messages and the cache's folder.
        kind: how the data set is posed.

    Raises:
        DataError: an image or the archive is unreadable or unsafe, or not laid out as expected.
    """
    identity = {"source": str(source.path.resolve()), **asdict(preprocessing)}
    folder = _cache_folder(request, name, identity)
    stamp = {**identity, **source.stamp()}

    def make() -> DatasetContent:
        return decode_files(source, preprocessing, name, request.report)

    return CachedDataset(open_or_build(folder, stamp, make, request.report), kind, name)


def prepare_generated(
    make: Callable[[], DatasetContent],
    stamp: Mapping[str, Any],
    request: DataRequest,
    *,
    name: str,
    kind: TaskKind,
) -> CachedDataset:
    """Return images that `make` draws or converts, made now or taken from the cache.

    Args:
        make: called only if the cache has no images with this stamp.
        stamp: JSON that changes whenever `make` would give other images.
        request: where the cache is.
        name: of the data set, for messages and the cache's folder.
        kind: how the data set is posed.

    Raises:
        DataError: from `make`, or the cache cannot be written.
    """
    folder = _cache_folder(request, name, {"generated": name})
    return CachedDataset(open_or_build(folder, stamp, make, request.report), kind, name)


def decode_files(
    files: Files,
    preprocessing: Preprocessing,
    name: str,
    report: Callable[[str], None],
    own_names: Mapping[str, str] | None = None,
) -> DatasetContent:
    """Return the decoded images of `files`; they are decoded one by one as they are asked for.

    Args:
        files: named `<split>/<class>/<image>`.
        preprocessing: the shape to which they are brought.
        name: of the data set, for messages.
        report: takes sentences.
        own_names: what people know the files by, for messages, where that is another name.

    Raises:
        DataError: the files are not laid out as expected; later, an image is unreadable.
    """
    report(f"reading {name} from {files.path}")
    layout, places = read_layout(files.names(), preprocessing.shape, files.path)
    images = _decoded(files, places, preprocessing, own_names or {})
    return DatasetContent(layout, counted(images, layout.total, f"decoding {name}", report))


def counted(
    items: Iterable[Item], total: int, doing: str, report: Callable[[str], None]
) -> Iterator[Item]:
    """Yield `items`, and report how many there were about once a second."""
    reported = time.monotonic()
    for number, item in enumerate(items):
        if time.monotonic() - reported >= _REPORT_EVERY_S:
            report(f"{doing}: {number:,} of {total:,} images")
            reported = time.monotonic()
        yield item
    report(f"{doing}: {total:,} images")


def _cache_folder(request: DataRequest, name: str, identity: Mapping[str, Any]) -> Path:
    return request.cache_root / f"{name}-{digest(identity)[:16]}"


def _decoded(
    files: Files,
    places: Mapping[str, ImagePlace],
    preprocessing: Preprocessing,
    own_names: Mapping[str, str],
) -> Iterator[tuple[ImagePlace, NDArray[np.uint8]]]:
    for name, content in files.contents():
        if name in places:  # a README is not
            where = f"{files.path}/{own_names.get(name, name)}"
            yield places[name], decode(content, preprocessing, where)
