"""Accuracies of all architectures of NAS-Bench-201, read from a table that a person gives.

The benchmark's numbers come with no copy here. Rows are found by the architecture's string alone:
the number that a table gives an architecture differs from table to table.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path

from harness.canonical import digest
from harness.contracts import DataRequest, Dataset, Episode, ImageSet, SplitSummary, TaskKind
from harness.data.sources import check_data_root
from harness.errors import DataError, UsageError
from harness.system.text import NotTextError, decoded
from harness_spaces.nasbench201 import NasBench201
from harness_spaces.parameters import NasBench201TableParameters

__all__ = ["NasBench201Table", "TabularAccuracies", "read_accuracies"]

FILES = ("nasbench201.csv.gz", "nasbench201.csv")
MOST_BYTES = 64 * 2**20  # unpacked; the whole table has 2 MiB
ARCHITECTURE = "architecture"
ALL_ARCHITECTURES = math.prod(NasBench201.options)

# The images that the accuracies are of: channels, height, width, and how many classes.
IMAGES = {
    "cifar10": ((3, 32, 32), 10),
    "cifar100": ((3, 32, 32), 100),
    "imagenet16-120": ((3, 16, 16), 120),
}


class TabularAccuracies:
    """Validation accuracies by architecture (an `ArchitectureTable`); it has no images."""

    kind: TaskKind = "tabular"
    space = NasBench201.name
    splits: Mapping[str, SplitSummary] = {}

    def __init__(self, accuracies: Mapping[str, float], metric: str) -> None:
        """Take accuracies in percent, of images that `metric` names."""
        self._accuracies, self._metric = accuracies, metric
        self.image_shape, self.classes = IMAGES[metric]
        self.fingerprint = digest({"metric": metric, "accuracies": dict(accuracies)})
        self.best = max(accuracies.values())

    def accuracy(self, architecture: str) -> float:
        """Return the accuracy of an architecture, in percent."""
        return self._accuracies[architecture]

    def episode(self, split: str, **_: int) -> Episode:
        """Refuse: there are no images.

        Raises:
            UsageError: always.
        """
        raise _without_images(split)

    def images(self, split: str) -> ImageSet:
        """Refuse: there are no images.

        Raises:
            UsageError: always.
        """
        raise _without_images(split)


def _without_images(split: str) -> UsageError:
    return UsageError(f"data set 'nasbench201' is a table, which has no images of split '{split}'")


class NasBench201Table:
    """Finds and reads the table; it is small enough to be read anew each time."""

    def __init__(self, parameters: NasBench201TableParameters | None = None) -> None:
        """Take the parameters, or their defaults."""
        self.parameters = parameters or NasBench201TableParameters()

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the table.

        Raises:
            DataError: it is not there, not readable, or not the table of all architectures.
        """
        metric = self.parameters.metric
        path = self.parameters.path or _find(request.data_root)
        column = f"{metric.replace('-', '_')}_val_percent"
        return TabularAccuracies(read_accuracies(path, column), metric)


def _find(data_root: Path | None) -> Path:
    check_data_root(data_root)
    wanted = f"give its CSV file as nasbench201[path=FILE], or as {FILES[0]} in the data root"
    if data_root is None:
        raise DataError(f"no table of nasbench201 is at hand, and none is shipped; {wanted}")
    for name in FILES:
        if (data_root / name).is_file():
            return data_root / name
    raise DataError(f"there is no table of nasbench201 in '{data_root}'; {wanted}")


def read_accuracies(path: Path, column: str) -> dict[str, float]:
    """Read the accuracies of all architectures, in the order of their strings.

    Args:
        path: a CSV file, packed by gzip if its name ends in `.gz`, with a column `architecture`.
        column: the one with the accuracies, in percent.

    Raises:
        DataError: the file cannot be read, a column is missing, a row is wrong (the message has
            its line), or an architecture is missing or there twice.
    """
    rows = csv.reader(StringIO(_text(path), newline=""), strict=True)
    accuracies: dict[str, float] = {}
    try:
        header = next(rows, [])
        places = [_place(header, name, path) for name in (ARCHITECTURE, column)]
        for architecture, accuracy in _rows(rows, len(header), places, path):
            if architecture in accuracies:
                raise _wrong(path, rows.line_num, f"the architecture '{architecture}' comes twice")
            accuracies[architecture] = accuracy
    except csv.Error as error:
        raise _wrong(path, rows.line_num, str(error)) from None
    if len(accuracies) != ALL_ARCHITECTURES:
        raise DataError(
            f"the table '{path}' has {len(accuracies):,} architectures; nasbench201 has "
            f"{ALL_ARCHITECTURES:,}, and all are needed to know the best"
        )
    return dict(sorted(accuracies.items()))


def _text(path: Path) -> str:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"the table '{path}' cannot be read: {reason}") from None
    if len(content) > MOST_BYTES:
        raise DataError(f"the table '{path}' is larger than {MOST_BYTES:,} bytes")
    try:
        return decoded(content)
    except NotTextError as error:
        raise DataError(f"the table '{path}' cannot be read: {error}") from None


def _place(header: list[str], name: str, path: Path) -> int:
    if header.count(name) != 1:
        there = ", ".join(each[:40] for each in header[:20]) or "none"
        raise DataError(f"the table '{path}' must have one column '{name}'; it has: {there}")
    return header.index(name)


def _rows(
    rows: Iterator[list[str]], width: int, places: list[int], path: Path
) -> Iterator[tuple[str, float]]:
    space = NasBench201()
    for line, row in enumerate(rows, start=2):
        if len(row) != width:
            raise _wrong(path, line, f"it has {len(row)} cells, and the header has {width}")
        architecture, value = (row[place] for place in places)
        try:
            yield space.check(architecture), _percent(value)
        except UsageError as error:
            raise _wrong(path, line, str(error)) from None


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise UsageError(f"the accuracy '{text:.40}' must be a number from 0 to 100")
    return value


def _wrong(path: Path, line: int, what: str) -> DataError:
    return DataError(f"the table '{path}' is wrong in line {line}: {what}")
