"""Accuracies and latencies of all architectures of NAS-Bench-201, from a table a person gives.

The benchmark's numbers come with no copy here. Rows are found by the architecture's string alone:
the number that a table gives an architecture differs from table to table.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path

from harness.canonical import digest
from harness.contracts import (
    DataRequest,
    Dataset,
    DatasetForm,
    Episode,
    ImageSet,
    SplitSummary,
    TaskKind,
)
from harness.data.sources import check_data_root
from harness.errors import DataError, UsageError
from harness.system.text import NotTextError, decoded
from harness_spaces.nasbench201 import NasBench201
from harness_spaces.parameters import NasBench201TableParameters

__all__ = ["NasBench201Table", "TabularAccuracies", "read_columns"]

FILES = ("nasbench201.csv.gz", "nasbench201.csv")
MOST_BYTES = 64 * 2**20  # unpacked; the whole table has 2 MiB
ARCHITECTURE = "architecture"
ALL = "all"  # devices
LATENCY = "_ms"  # the end of the names of columns with latencies
ALL_ARCHITECTURES = math.prod(NasBench201.options)

Reads = Callable[[str], float]  # a number; raises UsageError

# The images that the accuracies are of: channels, height, width, and how many classes.
IMAGES = {
    "cifar10": ((3, 32, 32), 10),
    "cifar100": ((3, 32, 32), 100),
    "imagenet16-120": ((3, 16, 16), 120),
}


class TabularAccuracies:
    """Validation accuracies by architecture (an `ArchitectureTable`), and latencies; no images."""

    kind: TaskKind = "tabular"
    space = NasBench201.name
    splits: Mapping[str, SplitSummary] = {}

    def __init__(
        self,
        accuracies: Mapping[str, float],
        metric: str,
        latencies: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        """Take accuracies in percent, of images that `metric` names, and latencies in ms.

        Latencies are by device, then by architecture.
        """
        self._accuracies, self._latencies = accuracies, latencies or {}
        self.devices: Sequence[str] = tuple(self._latencies)
        self.image_shape, self.classes = IMAGES[metric]
        told = {"latencies": {d: dict(each) for d, each in self._latencies.items()}}
        told = told if latencies else {}
        self.fingerprint = digest({"metric": metric, "accuracies": dict(accuracies), **told})
        self.best = max(accuracies.values())

    def accuracy(self, architecture: str) -> float:
        """Return the accuracy of an architecture, in percent."""
        return self._accuracies[architecture]

    def latency(self, architecture: str, device: str | None = None) -> float | None:
        """Return the latency of an architecture in ms; of the only device where none is named."""
        named = device or (self.devices[0] if len(self.devices) == 1 else "")
        return self._latencies[named][architecture] if named else None

    def architectures(self) -> Sequence[str]:
        """Return all architectures, in the order of their strings."""
        return list(self._accuracies)

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

    def form(self) -> DatasetForm:
        """Return the form of the images that the accuracies are of."""
        return DatasetForm("tabular", *IMAGES[self.parameters.metric])

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the table.

        Raises:
            DataError: it is not there, not readable, or not the table of all architectures.
        """
        metric, device = self.parameters.metric, self.parameters.latency
        path = self.parameters.path or _find(request.data_root)
        column = f"{metric.replace('-', '_')}_val_percent"
        named = [] if device is None else [device]
        devices = _devices(path) if device == ALL else named
        read = {column: _percent} | {each + LATENCY: _milliseconds for each in devices}
        accuracies, *latencies = read_columns(path, read)
        return TabularAccuracies(accuracies, metric, dict(zip(devices, latencies, strict=True)))


def _find(data_root: Path | None) -> Path:
    check_data_root(data_root)
    wanted = f"give its CSV file as nasbench201[path=FILE], or as {FILES[0]} in the data root"
    if data_root is None:
        raise DataError(f"no table of nasbench201 is at hand, and none is shipped; {wanted}")
    for name in FILES:
        if (data_root / name).is_file():
            return data_root / name
    raise DataError(f"there is no table of nasbench201 in '{data_root}'; {wanted}")


def _devices(path: Path) -> list[str]:
    """Return the devices that the table has latencies of, in the order of its columns."""
    header = next(csv.reader(StringIO(_text(path), newline="")), [])
    return [name.removesuffix(LATENCY) for name in header if name.endswith(LATENCY)]


def read_columns(path: Path, columns: Mapping[str, Reads]) -> list[dict[str, float]]:
    """Read columns of all architectures, each in the order of the architectures' strings.

    Args:
        path: a CSV file, packed by gzip if its name ends in `.gz`, with a column `architecture`.
        columns: what reads a number of each, by the column's name.

    Raises:
        DataError: the file cannot be read, a column is missing, a row is wrong (the message has
            its line), or an architecture is missing or there twice.
    """
    rows = csv.reader(StringIO(_text(path), newline=""), strict=True)
    found: dict[str, list[float]] = {}
    try:
        header = next(rows, [])
        places = [_place(header, name, path) for name in (ARCHITECTURE, *columns)]
        reads = list(columns.values())
        for architecture, numbers in _rows(rows, len(header), places, reads, path):
            if architecture in found:
                raise _wrong(path, rows.line_num, f"the architecture '{architecture}' comes twice")
            found[architecture] = numbers
    except csv.Error as error:
        raise _wrong(path, rows.line_num, str(error)) from None
    if len(found) != ALL_ARCHITECTURES:
        raise DataError(
            f"the table '{path}' has {len(found):,} architectures; nasbench201 has "
            f"{ALL_ARCHITECTURES:,}, and all are needed to know the best"
        )
    every = sorted(found.items())
    return [{name: numbers[place] for name, numbers in every} for place in range(len(columns))]


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
    rows: Iterator[list[str]], width: int, places: list[int], reads: list[Reads], path: Path
) -> Iterator[tuple[str, list[float]]]:
    space = NasBench201()
    for line, row in enumerate(rows, start=2):
        if len(row) != width:
            raise _wrong(path, line, f"it has {len(row)} cells, and the header has {width}")
        architecture, *texts = (row[place] for place in places)
        try:
            numbers = [read(text) for read, text in zip(reads, texts, strict=True)]
            yield space.check(architecture), numbers
        except UsageError as error:
            raise _wrong(path, line, str(error)) from None


def _percent(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 100:
        raise UsageError(f"the accuracy '{text:.40}' must be a number from 0 to 100")
    return value


def _milliseconds(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise UsageError(f"the latency '{text:.40}' must be a number of ms, more than 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _wrong(path: Path, line: int, what: str) -> DataError:
    return DataError(f"the table '{path}' is wrong in line {line}: {what}")
