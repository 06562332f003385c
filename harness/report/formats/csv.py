"""Tables as CSV for programs: all rows under one header, numbers as exact as the records."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.formats.frames import exact_frame
from harness.report.table import Table

__all__ = ["to_csv"]


def to_csv(tables: Sequence[Table]) -> str:
    """Return CSV with one header line; a cell is empty where a value is missing."""
    return exact_frame(tables).to_csv(index=False, lineterminator="\n")
