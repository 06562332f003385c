"""The table in which each trial has a row of its own."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.remarks import STATUS_WORDS
from harness.report.table import Cell, Column, Table
from harness.results.reading import one_line
from harness.results.record import Record

__all__ = ["trial_table"]

COLUMNS = (
    Column("method", "method"),
    Column("dataset", "data"),
    Column("setting", "setting"),
    Column("device", "device"),
    Column("mode", "mode"),
    Column("seed", "seed", kind="number", digits=0),
    Column("status", "status"),
    Column("memory_mib", "memory", "MiB", "number", has_marks=True),
    Column("storage_mib", "storage", "MiB", "number", has_marks=True),
    Column("accuracy_percent", "accuracy", "%", "number", has_marks=True),
    Column("time_s", "time", "s", "number", has_marks=True),
)
CAPTION = "Each trial by itself; its name opens its cells, its steps, its log and its record."


def trial_table(records: Sequence[Record]) -> Table:
    """Return a table with one row a trial, in the order of the records."""
    return Table(
        key="each-trial",
        title="Each trial",
        caption=(CAPTION,),
        columns=COLUMNS,
        rows=tuple(map(_row, records)),
    )


def _row(record: Record) -> tuple[Cell, ...]:
    data = record.dataset
    why = "" if record.error is None else one_line(f"{record.error.stage}: {record.error.message}")
    memory = _metric(record, "peak_memory")
    return (
        Cell(record.label),
        Cell(data.label),
        Cell("full task" if data.kind == "full-task" else f"{data.ways}-way {data.shots}-shot"),
        Cell(record.device.name),
        Cell(record.device.mode),
        Cell(record.seed),
        Cell(STATUS_WORDS[record.status], note=why),
        Cell(None, mark="unfit") if record.status == "out_of_memory" else memory,
        _metric(record, "storage"),
        _metric(record, "accuracy"),
        _metric(record, "search_time"),
    )


def _metric(record: Record, name: str) -> Cell:
    metric = record.metrics.get(name)
    if metric is None or metric.value is None:
        return Cell(None)
    return Cell(metric.value, mark="" if metric.source == "measured" else metric.source)
