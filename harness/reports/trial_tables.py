"""Tables of trials: the short one after a run, the one of all rows, and one with every trial."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from harness.experiment.budget import budget_label
from harness.experiment.objective import Cost
from harness.experiment.outcome import FrontPoint
from harness.metrics import METRICS, MetricSpec
from harness.reports.cells import (
    INTERVAL,
    STATUS_WORDS,
    cell_of,
    chance_sentence,
    column_of,
    endings,
    failed_sentence,
    failures,
    interval_cell,
    legend,
    metric_cell,
    side_by_side,
    width_sentences,
)
from harness.reports.table import Column, Remarks, Table, TableCell
from harness.results.reading import one_line
from harness.results.record import Record
from harness.results.rows import Row, metrics_of_rows
from harness.results.summary import Missing, mode_of

__all__ = ["each_trial_table", "front_table", "run_table", "trials_table"]

CONTROLS = (
    "Controls: accuracy compared with theirs, by the 95 % interval of the difference, paired over "
    "tasks and seeds where both have met the same, as harness compare judges."
)
AGAINST_CONTROLS = Column("against_controls", "controls", kind="prose")
METHOD, DATA = Column("method", "method"), Column("dataset", "data")
SETTING, DEVICE, MODE = (Column(name, name) for name in ("setting", "device", "mode"))
MOST_OF_A_FRONT = 12  # architectures that are shown

SEEDS = Column("seeds", "seeds", kind="number", digits=0)
NOTES, ENDED = Column("notes", "notes", kind="notes"), Column("ended", "ended")


def run_table(rows: Sequence[Row], controls: Collection[str] = ()) -> Table:
    """Return the table that is shown after a run, with few columns.

    Args:
        rows: of the run's records.
        controls: names of methods that the others' accuracies are compared with.
    """
    metrics, against = metrics_of_rows(rows), _against(rows, controls)
    cells = tuple(
        (
            TableCell(row.method),
            TableCell(f"{row.dataset} {row.full_setting}"),
            TableCell(len(row.records)),
            *_metric_cells(row, metrics),
            *against[place : place + 1],
            TableCell(f"{row.device} ({row.mode})"),
            TableCell(endings(row.records)),
        )
        for place, row in enumerate(rows)
    )
    beside = [AGAINST_CONTROLS] if against else []
    columns = (METHOD, DATA, SEEDS, *_metric_columns(metrics), *beside, DEVICE, ENDED)
    return Table("run", "", tuple(_run_caption(rows, cells)), columns, cells)


def _against(rows: Sequence[Row], controls: Collection[str]) -> Sequence[TableCell]:
    """Return remarks on how each row compares with the controls; none without controls."""
    if not controls:
        return ()
    from harness.reports.comparison_tables import control_cells  # noqa: PLC0415 - imports scipy

    return control_cells(rows, controls)


def _run_caption(rows: Sequence[Row], cells: Sequence[Sequence[TableCell]]) -> Iterator[str]:
    yield from legend(cells, "this machine")
    accuracies = [row.values["accuracy"] for row in rows if "accuracy" in row.values]
    if any(value.std is not None for value in accuracies):
        yield "accuracy: mean ± standard deviation over seeds."
    over = sorted({value.interval_over for value in accuracies if value.interval_over})
    if over:
        yield f"95 %: half-width of the mean's interval over {' or '.join(over)}."
    yield from chance_sentence(rows)
    yield from width_sentences(rows)
    yield from _code_sentences([record for row in rows for record in row.records])


def _code_sentences(records: Iterable[Record]) -> Iterator[str]:
    """Say whose sources differ between records of a table; no sentence if none do."""
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        code = record.code
        for part, whose in (("method", record.method.name), ("on_device", "the harness")):
            if code.get(part):
                found[whose].add(code[part])
    changed = [f"{whose} ({len(codes)})" for whose, codes in found.items() if len(codes) > 1]
    if changed:
        yield (
            f"Not all of the same code: there are records of different sources of "
            f"{', '.join(changed)}; `environment.code` of each says which."
        )


def trials_table(
    rows: Sequence[Row],
    *,
    missing: Missing = "omit",
    stand_ins: Mapping[str, str] | None = None,
    caption: Sequence[str] = (),
    controls: Collection[str] = (),
) -> Table:
    """Return the table of all trials: a row for each method, setting, device and budget.

    Args:
        rows: of records, in the order in which they are to appear.
        missing: what the accuracy of a failed trial counts as in them.
        stand_ins: for the label of a data set, the one that it was run in place of.
        caption: sentences that come after those about the table's own numbers.
        controls: names of methods that the others' accuracies are compared with.
    """
    remarks, metrics, against = Remarks(), metrics_of_rows(rows), _against(rows, controls)
    cells = tuple(
        _trial_cells(row, metrics, against[place : place + 1], stand_ins or {}, remarks)
        for place, row in enumerate(rows)
    )
    records = [record for row in rows for record in row.records]
    return Table(
        key="trials",
        title="All trials",
        caption=(
            "Memory: the largest of the seeds. Accuracy: mean ± standard deviation over seeds; "
            "95 %: half-width of the mean's interval over seeds, or over the tasks of a single "
            "seed. Time: the search steps of one task, or all epochs of a full task.",
            *chance_sentence(rows),
            *width_sentences(rows),
            *([CONTROLS] if against else []),
            *legend(cells),
            failed_sentence(records, missing),
            *_code_sentences(records),
            *caption,
        ),
        columns=(
            METHOD,
            DATA,
            SETTING,
            DEVICE,
            MODE,
            Column("budget", "budget"),
            SEEDS,
            *_metric_columns(metrics),
            *([AGAINST_CONTROLS] if against else []),
            ENDED,
            NOTES,
        ),
        rows=cells,
        notes=remarks.notes,
    )


def _trial_cells(
    row: Row,
    metrics: Sequence[MetricSpec],
    against: Sequence[TableCell],
    stand_ins: Mapping[str, str],
    remarks: Remarks,
) -> tuple[TableCell, ...]:
    told = [*failures(row.records), *side_by_side(row.records)]
    told += [f"Of {row.method}, {said}." for said in row.left_out]
    if row.dataset in stand_ins:
        told.append(f"{row.dataset} stands in for {stand_ins[row.dataset]}.")
    return (
        *_cells(row.method, row.dataset, row.full_setting, row.device, row.mode),
        TableCell(budget_label(row.records[0].budget.allowed, row.kind)),
        TableCell(len(row.records)),
        *_metric_cells(row, metrics),
        *against,
        TableCell(endings(row.records)),
        remarks.cell(told),
    )


def _cells(*values: str | float) -> Iterator[TableCell]:
    return map(TableCell, values)


def _metric_columns(metrics: Sequence[MetricSpec]) -> Iterator[Column]:
    for metric in metrics:
        yield column_of(metric)
        if metric.name == "accuracy":
            yield INTERVAL


def _metric_cells(row: Row, metrics: Sequence[MetricSpec]) -> Iterator[TableCell]:
    for metric in metrics:
        yield cell_of(row, metric)
        if metric.name == "accuracy":
            yield interval_cell(row)


def each_trial_table(rows: Sequence[Row], records: Sequence[Record]) -> Table:
    """Return a table with a line for each trial, in the order of the rows and their records."""
    metrics = metrics_of_rows(rows)
    return Table(
        key="each-trial",
        title="Each trial",
        caption=(
            "Each trial by itself; its name opens its cells, its steps, its log and its record.",
        ),
        columns=(
            METHOD,
            DATA,
            SETTING,
            DEVICE,
            MODE,
            Column("seed", "seed", kind="number", digits=0),
            Column("status", "status"),
            *(column_of(metric, has_spread=False) for metric in metrics),
        ),
        rows=tuple(_record_cells(record, metrics) for record in records),
    )


def _record_cells(record: Record, metrics: Sequence[MetricSpec]) -> tuple[TableCell, ...]:
    data, device, error = record.dataset, record.device, record.error
    why = "" if error is None else one_line(f"{error.stage}: {error.message}")
    return (
        *_cells(record.label, data.label, record.full_setting),
        *_cells(device.name, mode_of(record), record.seed),
        TableCell(STATUS_WORDS[record.status], note=why),
        *(metric_cell(record, metric) for metric in metrics),
    )


def front_table(rows: Sequence[Row]) -> Table:
    """Return the front that each row's first seed found, the most accurate first."""
    fronts = [next(r for r in row.records if r.front) for row in rows if _has_front(row)]
    costs = list(dict.fromkeys(cost for each in fronts for cost in each.front[0].costs))
    known = [METRICS[cost] for cost in costs]
    return Table(
        key="fronts",
        title="Fronts",
        caption=(
            "Of each search the first seed: what nothing else that it asked for is better than in "
            f"all objectives. Of more than {MOST_OF_A_FRONT}, as many at even distances; "
            "record.json has all.",
        ),
        columns=(
            METHOD,
            DATA,
            SETTING,
            Column("seed", "seed", kind="number", digits=0),
            Column("of", "of", kind="number", digits=0),
            Column("architecture", "architecture"),
            *(column_of(metric, has_spread=False) for metric in (METRICS["accuracy"], *known)),
        ),
        rows=tuple(
            (
                *_cells(record.label, record.dataset.label, record.full_setting, record.seed),
                *_cells(len(record.front), point.architecture),
                TableCell(point.accuracy, mark="tabular"),
                *(_cost_cell(point, cost) for cost in costs),
            )
            for record in fronts
            for point in _spread(record.front)
        ),
    )


def _has_front(row: Row) -> bool:
    return any(record.front for record in row.records)


def _cost_cell(point: FrontPoint, cost: Cost) -> TableCell:
    return TableCell(point.costs.get(cost), mark="tabular" if cost == "latency" else "predicted")


def _spread(front: Sequence[FrontPoint]) -> list[FrontPoint]:
    """Return at most `MOST_OF_A_FRONT` points of a front, including its ends."""
    last, most = len(front) - 1, MOST_OF_A_FRONT - 1
    if last <= most:
        return list(front)
    return [front[round(place * last / most)] for place in range(most + 1)]
