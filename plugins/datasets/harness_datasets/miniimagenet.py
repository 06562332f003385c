"""miniImageNet with the split of Ravi and Larochelle (2017): 100 classes of 600 photographs.

It is handed on as listed images or as pickled arrays. Lists are those of Ravi and Larochelle:
`train.csv`, `val.csv` and `test.csv` with the columns `filename` and `label`. The images lie in one
folder, or in one folder a class; those that no list names are left out. Pickled arrays are those of
Ren et al. (2018), which torchmeta reads as well: `mini-imagenet-cache-train.pkl`, `-val.pkl` and
`-test.pkl` each hold a dictionary: `image_data` is an array of all images of the split,
`class_dict` has the rows of each class by its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.cache import DatasetContent
from harness.data.images import Preprocessing
from harness.data.layout import DatasetLayout, ImagePlace
from harness.data.prepare import counted, decode_files, prepare_generated
from harness.data.safe_pickle import MAX_BYTES, read_pickle
from harness.data.sources import Source, find_named, where_looked
from harness.errors import DataError
from harness.system.text import decoded, read_cells

__all__ = [
    "CLASSES",
    "FORMS",
    "PREPROCESSING",
    "MiniImagenet",
    "find_lists",
    "find_pickles",
    "read_listed",
    "read_pickled",
    "read_source",
]

_LISTS = {f"{split}.csv": split for split in ("train", "val", "test")}
_MAX_BYTES = 64 * 2**20  # of a list

SHAPE = (84, 84, 3)  # of an image in the arrays: height, width, channels
_PICKLES = {f"mini-imagenet-cache-{split}.pkl": split for split in ("train", "val", "test")}
CLASSES = {"train": 64, "val": 16, "test": 20}
PREPROCESSING = Preprocessing(size=84, mode="rgb")
FORMS = (
    "images as <split>/<class>/<image>, or images in one folder or in one folder a class with"
    " train.csv, val.csv and test.csv (columns filename,label), or pickled arrays as"
    " mini-imagenet-cache-train.pkl, -val.pkl and -test.pkl (keys image_data, class_dict)"
)
_NAME = "miniimagenet"


class ListedImages:
    """Images of a source, named `<split>/<class>/<image>` (`Files`)."""

    def __init__(self, source: Source, renamed: Mapping[str, str]) -> None:
        """Take the new name of each image that is to be read."""
        self.path = source.path
        self._source, self._renamed = source, renamed

    def names(self) -> Iterator[str]:
        """Yield the new name of each image."""
        yield from self._renamed.values()

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the new name and the bytes of each image."""
        for name, content in self._source.contents():
            if name in self._renamed:
                yield self._renamed[name], content


def find_lists(names: Sequence[str]) -> dict[str, str]:
    """Return the split of each list among `names`, in whatever folder; empty if there is none."""
    return {name: _LISTS[_last(name)] for name in names if _last(name) in _LISTS}


def read_listed(source: Source, names: Sequence[str], lists: Mapping[str, str]) -> ListedImages:
    """Return the images that the lists name.

    Args:
        source: has images and lists.
        names: of all its files.
        lists: what `find_lists` found.

    Raises:
        DataError: a list is missing or malformed, or an image that it names is.
    """
    if sorted(lists.values()) != sorted(_LISTS.values()):
        raise DataError(f"'{source.path}' does not have each of {', '.join(_LISTS)} once")
    rows = {
        lists[name]: _read_rows(file.read(), f"{source.path}/{name}")
        for name, file in source.open_each(lists.keys(), _MAX_BYTES)
    }
    return ListedImages(source, _rename(source.path, names, rows))


def _read_rows(content: bytes, where: str) -> list[tuple[str, str]]:
    """Return file name and label of each row."""
    try:
        headings, cells = read_cells(decoded(content))
    except ValueError as error:
        raise DataError(f"'{where}' cannot be read: {error}") from None
    if not {"filename", "label"} <= set(headings):
        raise DataError(f"'{where}' has no columns filename and label")
    rows = [(row["filename"], row["label"]) for row in cells]
    if not all(name and label for name, label in rows):
        raise DataError(f"'{where}' has a row without a file name or label")
    return rows


def _rename(
    where: Path, names: Sequence[str], rows: Mapping[str, list[tuple[str, str]]]
) -> dict[str, str]:
    """Return the new name of each listed image by the name that it has."""
    index = _index(names)
    renamed: dict[str, str] = {}
    for split, images in rows.items():
        for listed, label in images:
            last = _last(listed)
            # In the folder of its class, else in the only folder where there is such a file.
            name = index.get(f"{label}/{last}") or index.get(last)
            if name is None:
                raise DataError(f"'{where}' lacks image '{listed}' of class '{label}' of {split}")
            if name in renamed:
                raise DataError(f"'{where}' has image '{listed}' in its lists twice")
            renamed[name] = f"{split}/{label}/{last}"
    return renamed


def _index(names: Sequence[str]) -> dict[str, str]:
    """Find files by their last folder and name, and by their name alone if no other has it."""
    count = Counter(map(_last, names))
    index = {_last(name): name for name in names if count[_last(name)] == 1}
    return index | {"/".join(name.split("/")[-2:]): name for name in names if "/" in name}


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class _Split:
    """One of the pickles."""

    images: NDArray[np.uint8]  # (N, 84, 84, 3)
    rows: Mapping[str, Sequence[int]]  # of each class, in sorted order


def find_pickles(names: Sequence[str]) -> dict[str, str]:
    """Return the split of each pickle among `names`, in whatever folder; empty if none."""
    return {name: _PICKLES[last] for name in names if (last := name.rsplit("/", 1)[-1]) in _PICKLES}


def read_pickled(
    source: Source, pickles: Mapping[str, str], report: Callable[[str], None]
) -> DatasetContent:
    """Return the images of all splits.

    Each pickle is read twice, for its classes and for its images, so that only one split is in
    memory at a time (800 MB, or twice that where the pickle is an old one or in an archive).

    Args:
        source: has the pickles.
        pickles: what `find_pickles` found.
        report: takes a sentence about progress.

    Raises:
        DataError: a pickle is missing, damaged or refused, or does not hold what it should.
    """
    report(f"reading miniimagenet from {source.path}")
    if sorted(pickles.values()) != sorted(_PICKLES.values()):
        raise DataError(f"'{source.path}' does not have each of {', '.join(_PICKLES)} once")
    counts = {
        name: {label: len(rows) for label, rows in split.rows.items()}
        for name, split in _splits(source, pickles)
    }
    layout = DatasetLayout((3, 84, 84), {name: counts[name] for name in sorted(counts)})
    images = _images(source, pickles)
    return DatasetContent(layout, counted(images, layout.total, "converting miniimagenet", report))


def _images(
    source: Source, pickles: Mapping[str, str]
) -> Iterator[tuple[ImagePlace, NDArray[np.uint8]]]:
    for name, split in _splits(source, pickles):
        rows = [row for rows in split.rows.values() for row in rows]
        for place, row in enumerate(rows):
            # (84, 84, 3) -> (3, 84, 84)
            yield ImagePlace(name, place), split.images[row].transpose(2, 0, 1)


def _splits(source: Source, pickles: Mapping[str, str]) -> Iterator[tuple[str, _Split]]:
    for name, file in source.open_each(pickles.keys(), MAX_BYTES):
        where = f"{source.path}/{name}"
        yield pickles[name], _understood(read_pickle(file, where), where)


def _understood(value: Any, where: str) -> _Split:
    if not isinstance(value, dict) or not {"image_data", "class_dict"} <= value.keys():
        raise DataError(f"'{where}' is not a dictionary with the keys image_data and class_dict")
    images, classes = value["image_data"], value["class_dict"]
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != SHAPE:
        raise DataError(
            f"'{where}' has image_data that is not a uint8 array of shape (N, 84, 84, 3)"
        )
    if not isinstance(classes, dict) or not all(isinstance(label, str) for label in classes):
        raise DataError(f"'{where}' has a class_dict that is not a dictionary of rows by name")
    rows = {label: _rows(classes[label], label, len(images), where) for label in sorted(classes)}
    return _Split(images, rows)


def _rows(value: Any, label: str, images: int, where: str) -> list[int]:
    """Return the rows of a class as a list of integers."""
    rows = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(rows, list) or not rows:
        raise DataError(f"'{where}' has no list of rows for class '{label}'")
    if not all(isinstance(row, int | np.integer) and 0 <= row < images for row in rows):
        raise DataError(f"'{where}' has a row of class '{label}' that is not in 0 to {images - 1}")
    return rows


class MiniImagenet:
    """miniImageNet at 84x84 from the data root (a `DatasetProvider`).

    It is made of ImageNet's photographs, which others may not hand out: it is never downloaded.
    """

    def form(self) -> DatasetForm:
        """Return the form of the images."""
        return DatasetForm("few-shot", PREPROCESSING.shape)

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the photographs, decoded now or taken from the cache.

        Raises:
            DataError: they are not in the data root, unreadable, in none of the forms that are
                understood, or not split into 64, 16 and 20 classes.
        """
        source = find_named(_NAME, request.data_root)
        if source is None:
            looked = where_looked(_NAME, request.data_root)
            raise DataError(
                f"data set '{_NAME}' was not found: {looked}; it cannot be downloaded"
                f" automatically: put it into the data root as {_NAME}/ or {_NAME}.tar.gz with"
                f" {FORMS}"
            )
        return prepare_generated(
            lambda: read_source(source, request.report),
            {"source": str(source.path.resolve()), **source.stamp()},
            request,
            name=_NAME,
            kind="few-shot",
        )


def read_source(source: Source, report: Callable[[str], None]) -> DatasetContent:
    """Return the photographs of a folder or archive, in whichever form it has them.

    Raises:
        DataError: it is unreadable or in none of the forms; it has another number of classes.
    """
    names = list(source.names())
    if pickles := find_pickles(names):
        content = read_pickled(source, pickles, report)
    elif lists := find_lists(names):
        files = read_listed(source, names, lists)
        content = decode_files(files, PREPROCESSING, _NAME, report)
    elif any(name.startswith(tuple(f"{split}/" for split in CLASSES)) for name in names):
        content = decode_files(source, PREPROCESSING, _NAME, report)
    else:
        raise DataError(f"'{source.path}' does not hold {_NAME} in a known form: {FORMS}")
    _check_split(content.layout, source)
    return content


def _check_split(layout: DatasetLayout, source: Source) -> None:
    """Refuse other classes: accuracies on them would not be accuracies on miniImageNet."""
    found = {split: len(layout.counts.get(split, {})) for split in CLASSES}
    if found != CLASSES or layout.counts.keys() != CLASSES.keys():
        there = ", ".join(f"{split}: {len(classes)}" for split, classes in layout.counts.items())
        raise DataError(
            f"'{source.path}' has classes ({there}), but miniImageNet has 64 in train, 16 in val"
            " and 20 in test; use --dataset 'folder[path=...]' for other images"
        )
