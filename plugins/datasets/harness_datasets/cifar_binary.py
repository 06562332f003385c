"""The binary archives of CIFAR-10 and CIFAR-100 (Krizhevsky, 2009).

The archives for Python hold pickles instead, and a pickle runs whatever it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.archive import read_members
from harness.data.cache import Content
from harness.data.images import Preprocessing
from harness.data.layout import Layout, Place
from harness.data.prepare import prepare_generated, prepare_source
from harness.data.sources import find_named
from harness.errors import DataError
from harness_datasets.download import Download, fetch
from harness_datasets.parameters import CifarParameters

__all__ = ["PREPROCESSING", "Form", "form_of", "prepare_cifar", "read_archive"]

PREPROCESSING = Preprocessing(size=32, mode="rgb")

TRAIN_IMAGES = 50_000  # of all classes together

_SHAPE = PREPROCESSING.shape
_PLANES = 3 * 32 * 32  # bytes: the red, the green and the blue plane

Records = NDArray[np.uint8]  # (images, label bytes and planes)


@dataclass(frozen=True)
class Form:
    """What tells one archive from the other."""

    label_bytes: int  # before the planes of each image; the last one is its class
    classes: int
    train_files: str  # in words: every .bin file but the test file is for training
    test_file: str
    names_file: str | None = None  # has the name of each class on a line

    @property
    def record(self) -> int:
        """Bytes of an image with its labels."""
        return self.label_bytes + _PLANES


def prepare_cifar(
    name: str,
    parameters: CifarParameters,
    request: DataRequest,
    download: Download,
    read: Callable[[Path], Content],
) -> Dataset:
    """Return the photographs from the data root, else those of the archive that `read` reads.

    Raises:
        DataError: they are not there and cannot be downloaded, or are unreadable.
        UsageError: there are fewer training images a class than the parameters ask for.
    """
    source, task = find_named(name, request.data_root), parameters.task
    if source is not None:
        photographs = prepare_source(source, PREPROCESSING, request, name=name, kind=task)
    else:
        photographs = prepare_generated(
            lambda: read(fetch(download, name, request)),
            {"md5": download.md5},
            request,
            name=name,
            kind=task,
        )
    if parameters.train_per_class is None:
        return photographs
    return photographs.with_fewer_images(parameters.train_per_class)


def form_of(parameters: CifarParameters, form: Form) -> DatasetForm:
    """Return the form of the images, as an estimate needs it."""
    images = form.classes * (parameters.train_per_class or TRAIN_IMAGES // form.classes)
    return DatasetForm(parameters.task, _SHAPE, form.classes, training_images=images)


def read_archive(archive: Path, form: Form, names: Sequence[str] = ()) -> Content:
    """Return the images of an archive, all of them in memory (180 MB).

    Args:
        archive: the .tar.gz.
        form: of the archive.
        names: of the classes in the order of their labels, where the archive has no names file.

    Raises:
        DataError: the archive is unreadable, or its files are not what they should be.
    """
    records: dict[str, list[Records]] = {"test": [], "train": []}
    for member in read_members(archive):
        file_name = member.name.rsplit("/", 1)[-1]
        if file_name.endswith(".bin"):
            split = "test" if file_name == form.test_file else "train"
            records[split].append(_parse(member.read(), form, f"{archive}/{member.name}"))
        elif file_name == form.names_file:
            names = _parse_names(member.read(), form, f"{archive}/{member.name}")
    if not (names and all(records.values())):
        files = [form.train_files, form.test_file, form.names_file]
        raise DataError(f"archive '{archive}' lacks {' or '.join(filter(None, files))}")
    splits = {split: _sorted_by_label(parts, form) for split, parts in records.items()}
    counts = {split: _count(rows, form, names) for split, rows in splits.items()}
    return Content(Layout(_SHAPE, counts), _images(splits, form))


def _parse(content: bytes, form: Form, where: str) -> Records:
    if len(content) % form.record:
        raise DataError(f"'{where}' is no whole number of {form.record:,}-byte records")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, form.record)
    if records.size and _labels(records, form).max() >= form.classes:
        raise DataError(f"'{where}' has a label above {form.classes - 1}")
    return records


def _parse_names(content: bytes, form: Form, where: str) -> list[str]:
    names = content.decode("utf-8", "replace").split()
    if names != sorted(set(names)) or len(names) != form.classes:
        raise DataError(f"'{where}' does not list {form.classes} names of classes in sorted order")
    return names


def _labels(records: Records, form: Form) -> Records:
    return records[:, form.label_bytes - 1]


def _sorted_by_label(parts: Sequence[Records], form: Form) -> Records:
    records = np.concatenate(parts)
    return records[np.argsort(_labels(records, form), kind="stable")]


def _count(records: Records, form: Form, names: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(_labels(records, form), minlength=form.classes).tolist()
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def _images(splits: dict[str, Records], form: Form) -> Iterator[tuple[Place, NDArray[np.uint8]]]:
    for split, records in splits.items():
        for row, record in enumerate(records):
            yield Place(split, row), record[form.label_bytes :].reshape(_SHAPE)
