"""Published numbers of a suite: a CSV beside it, and what its columns and rows stand for."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import UsageError

__all__ = ["Published", "PublishedRow", "read_published"]


class Published(BaseModel):
    """A suite's `[published]` table.

    An empty cell of the CSV is a number that was not published, such as the time of what did not
    fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="what was published, as it is to be cited")
    file: str = Field(description="the CSV, relative to the suite; columns dataset, ways, shots")
    method: str = Field(description="a row's method, with columns in braces")
    times: dict[str, str] = Field(
        default_factory=dict, description="for each device the column with its seconds"
    )
    procedures: dict[str, str] = Field(
        default_factory=dict,
        description="for a method, the parameters that make it what was published",
    )
    unexplained: list[str] = Field(
        default_factory=list,
        description="methods of whose published times more is spent than their kernels explain",
    )


@dataclass(frozen=True)
class PublishedRow:
    """One row of the CSV."""

    method: str  # as people write it
    dataset: str
    ways: int | None  # None: a full task
    shots: int | None
    cells: Mapping[str, str]

    def number(self, column: str) -> float | None:
        """Return the number in a column; None where none was published.

        Raises:
            UsageError: there is no such column, or no number in it.
        """
        try:
            text = self.cells[column]
            return float(text) if text else None
        except (KeyError, ValueError) as error:
            raise UsageError(
                f"published numbers of {self.method}: column '{column}' is missing or has no "
                f"number ({error})"
            ) from None


def read_published(published: Published, suite: Path) -> list[PublishedRow]:
    """Read the published rows that belong to the suite in a file.

    Raises:
        UsageError: the CSV cannot be read, or lacks a column.
    """
    path = suite.parent / published.file
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(_rows(published, csv.DictReader(file)))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"published numbers {path} cannot be read: {error}") from None
    except (KeyError, ValueError) as error:
        raise UsageError(f"published numbers {path}: {error} is missing or malformed") from None


def _rows(published: Published, reader: csv.DictReader[str]) -> Iterator[PublishedRow]:
    for cells in reader:
        ways, shots = cells.get("ways"), cells.get("shots")
        yield PublishedRow(
            method=published.method.format(**cells),
            dataset=cells["dataset"],
            ways=int(ways) if ways else None,
            shots=int(shots) if shots else None,
            cells=cells,
        )
