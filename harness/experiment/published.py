"""Published numbers of a suite: a CSV beside it, and what its columns and rows stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import UsageError
from harness.system.text import NotTextError, read_cells, read_text

__all__ = ["DAY_S", "Published", "PublishedNote", "PublishedRow", "read_published"]

DAY_S = 86_400.0
SECONDS = {"s": 1.0, "days": DAY_S}


class PublishedNote(BaseModel):
    """What has to be known of published numbers wherever they are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(description="one sentence")
    where: dict[str, str] = Field(
        default_factory=dict,
        description="columns and what they hold in the rows that it is about; without: in all",
    )

    def is_about(self, row: PublishedRow) -> bool:
        """Say whether it is about one row, and not about all."""
        told = {**row.cells, "method": row.method}
        return bool(self.where) and all(told.get(key) == text for key, text in self.where.items())


class Published(BaseModel):
    """A suite's `[published]` table.

    An empty cell of the CSV is a number that was not published, such as the time of what did not
    fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="what was published, as it is to be cited")
    file: str = Field(
        pattern=r"^[^/\\]+$",
        description="the CSV, beside the suite; columns dataset, ways, shots",
    )
    method: str = Field(description="a row's method, with columns in braces")
    memory: str | None = Field(default=None, description="the column with MiB of peak memory")
    storage: str | None = Field(default=None, description="the column with MiB to be stored")
    accuracy: str | None = Field(default=None, description="the column with percent")
    accuracy_std: str | None = Field(default=None, description="its deviation over seeds")
    times: dict[str, str] = Field(
        default_factory=dict, description="for each device the column with its times"
    )
    time_unit: Literal["s", "days"] = Field(default="s", description="what these are in")
    losses: dict[str, str] = Field(
        default_factory=dict,
        description="for each column with an evaluation loss in nats, where on the curve it is",
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="for a method, what pictures call it"
    )
    unfit: list[str] = Field(
        default_factory=list,
        description="devices that did not hold what has no time: printed as X",
    )
    rows: list[dict[str, str]] = Field(
        default_factory=list,
        description="rows that the table lacks: what was published of them elsewhere",
    )
    notes: list[PublishedNote] = Field(
        default_factory=list, description="gaps and contradictions of what was published"
    )
    procedures: dict[str, str] = Field(
        default_factory=dict,
        description="for a method, the parameters that make it what was published",
    )
    unexplained: list[str] = Field(
        default_factory=list,
        description="methods whose published times are longer than their kernels explain",
    )

    @property
    def columns(self) -> dict[str, tuple[str, str | None]]:
        """For the name of each metric, but for time, its column and that of its deviation."""
        told = {
            "peak_memory": (self.memory, None),
            "storage": (self.storage, None),
            "accuracy": (self.accuracy, self.accuracy_std),
        }
        return {name: (column, std) for name, (column, std) in told.items() if column}

    def numbers_of(self, row: PublishedRow, metric: str) -> tuple[float | None, float | None]:
        """Return what was published of a metric, and its deviation over seeds; None for none."""
        column, std = self.columns.get(metric, (None, None))
        return (row.number(column) if column else None, row.number(std) if std else None)

    def losses_of(self, row: PublishedRow) -> Iterator[tuple[float, str, str]]:
        """Give each published loss: in nats, as it was printed, and where on the curve it is."""
        for column, where in self.losses.items():
            if (value := row.number(column)) is not None:
                yield value, row.cells[column], where

    def seconds_of(self, row: PublishedRow, device: str) -> float | None:
        """Return the published time in seconds; None where there is none."""
        time = row.number(self.times[device]) if device in self.times else None
        return None if time is None else time * SECONDS[self.time_unit]

    def is_unfit(self, row: PublishedRow, device: str) -> bool:
        """Say whether the device was published not to hold it."""
        return (
            row.is_tabled
            and device in self.unfit
            and device in self.times
            and row.number(self.times[device]) is None
        )


@dataclass(frozen=True)
class PublishedRow:
    """One row of the CSV, or one that was told of elsewhere."""

    method: str  # as people write it
    dataset: str
    ways: int | None  # None: a full task
    shots: int | None
    cells: Mapping[str, str]
    is_tabled: bool = True  # in the CSV, so that what is empty there was printed so

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
    """Read the published rows that belong to the suite in a file, those without a table last.

    Raises:
        UsageError: the CSV cannot be read, or lacks a column.
    """
    path = suite.parent / published.file
    try:
        headings, rows = read_cells(read_text(path))
        tabled = [_row(published, cells) for cells in rows]
        empty = dict.fromkeys(headings, "")
        others = [_row(published, {**empty, **cells}) for cells in published.rows]
    except (OSError, NotTextError) as error:
        raise UsageError(f"published numbers {path} cannot be read: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"published numbers {path}: {error} is missing or malformed") from None
    return [*tabled, *(replace(row, is_tabled=False) for row in others)]


def _row(published: Published, cells: Mapping[str, str]) -> PublishedRow:
    ways, shots = cells.get("ways"), cells.get("shots")
    return PublishedRow(
        method=published.method.format(**cells),
        dataset=cells["dataset"],
        ways=int(ways) if ways else None,
        shots=int(shots) if shots else None,
        cells=cells,
    )
