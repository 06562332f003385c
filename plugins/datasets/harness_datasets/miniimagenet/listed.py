"""miniImageNet as images with the lists of Ravi and Larochelle (2017).

`train.csv`, `val.csv` and `test.csv` have the columns `filename` and `label`. The images lie in one
folder, or in one folder a class; those that no list names are left out.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.data.sources import Source
from harness.errors import DataError

__all__ = ["ListedImages", "find_lists", "read_listed"]

_NAMES = {f"{split}.csv": split for split in ("train", "val", "test")}
_MAX_BYTES = 64 * 2**20  # of a list


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
    return {name: _NAMES[_last(name)] for name in names if _last(name) in _NAMES}


def read_listed(source: Source, names: Sequence[str], lists: Mapping[str, str]) -> ListedImages:
    """Return the images that the lists name.

    Args:
        source: has images and lists.
        names: of all its files.
        lists: what `find_lists` found.

    Raises:
        DataError: a list is missing or malformed, or an image that it names is.
    """
    if sorted(lists.values()) != sorted(_NAMES.values()):
        raise DataError(f"'{source.path}' does not have each of {', '.join(_NAMES)} once")
    rows = {
        lists[name]: _read_rows(file.read(), f"{source.path}/{name}")
        for name, file in source.open_each(lists.keys(), _MAX_BYTES)
    }
    return ListedImages(source, _rename(source.path, names, rows))


def _read_rows(content: bytes, where: str) -> list[tuple[str, str]]:
    """Return file name and label of each row."""
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace")))
    if not {"filename", "label"} <= set(reader.fieldnames or ()):
        raise DataError(f"'{where}' has no columns filename and label")
    rows = [(row["filename"], row["label"]) for row in reader]
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
