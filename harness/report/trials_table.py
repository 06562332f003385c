"""The table of all trials: a row for each method, data set, setting, device and budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.report.budgets import budget_label
from harness.report.captions import failed_sentence, legend
from harness.report.cells import (
    accuracy_cell,
    interval_cell,
    memory_cell,
    storage_cell,
    time_cell,
)
from harness.report.remarks import Remarks, endings, failures, side_by_side
from harness.report.table import Cell, Column, Table
from harness.results.record import Record
from harness.results.summary import Missing, group_records, row_of

__all__ = ["trials_table"]

COLUMNS = (
    Column("method", "method"),
    Column("dataset", "data"),
    Column("setting", "setting"),
    Column("device", "device"),
    Column("mode", "mode"),
    Column("budget", "budget"),
    Column("seeds", "seeds", kind="number", digits=0),
    Column("memory_mib", "memory", "MiB", "number", digits=1, has_marks=True),
    Column("storage_mib", "storage", "MiB", "number", has_marks=True),
    Column("accuracy_percent", "accuracy", "%", "number", has_spread=True, has_marks=True),
    Column("interval_points", "95 %", "± points", "number", has_marks=True),
    Column("time_s", "time", "s", "number", has_marks=True),
    Column("ended", "ended"),
    Column("notes", "notes", kind="notes"),
)


def trials_table(
    records: Sequence[Record],
    *,
    missing: Missing = "omit",
    stand_ins: Mapping[str, str] | None = None,
    caption: Sequence[str] = (),
) -> Table:
    """Return the table of all records.

    Args:
        records: in the order in which rows are to appear.
        missing: what the accuracy of a failed trial counts as.
        stand_ins: for the label of a data set, the one that it was run in place of.
        caption: sentences that come after those about the table's own numbers.
    """
    remarks = Remarks()
    groups = group_records(records)
    rows = tuple(_cells(group, missing, stand_ins or {}, remarks) for group in groups)
    return Table(
        key="trials",
        title="All trials",
        caption=(*_caption(records, rows, missing), *caption),
        columns=COLUMNS,
        rows=rows,
        notes=remarks.notes,
    )


def _cells(
    group: Sequence[Record], missing: Missing, stand_ins: Mapping[str, str], remarks: Remarks
) -> tuple[Cell, ...]:
    first, row = group[0], row_of(group, missing)
    told = [*failures(group), *side_by_side(group)]
    if row.dataset in stand_ins:
        told.append(f"{row.dataset} stands in for {stand_ins[row.dataset]}.")
    return (
        Cell(row.method),
        Cell(row.dataset),
        Cell(row.setting),
        Cell(row.device),
        Cell(row.mode),
        Cell(budget_label(first.budget.allowed, first.dataset.kind)),
        Cell(row.seeds),
        memory_cell(group, row),
        storage_cell(group, row),
        accuracy_cell(group, row),
        interval_cell(group, row),
        time_cell(group, row),
        Cell(endings(group)),
        remarks.cell(told),
    )


def _caption(
    records: Sequence[Record], rows: Sequence[Sequence[Cell]], missing: Missing
) -> list[str]:
    return [
        "Memory: the largest of the seeds. Accuracy: mean ± standard deviation over seeds; 95 %: "
        "half-width of the mean's interval over seeds, or over the tasks of a single seed. Time: "
        "the search steps of one task, or all epochs of a full task.",
        *legend(rows),
        failed_sentence(records, missing),
    ]
