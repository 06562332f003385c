"""Tables of results other than trials: estimates, benchmarks, recommendations, correlations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.experiment.budget import SETTINGS
from harness.metrics import METRICS, to_mib
from harness.reports.cells import cell_of, column_of, estimate_legend, legend
from harness.reports.table import MISSING, SYMBOLS, Column, Remarks, Table, TableCell, shown_number
from harness.results.costs import BenchRow, DeviceRow, EstimateRow, with_references
from harness.results.rows import Row, rows_of_estimate

if TYPE_CHECKING:
    from harness.adaptation.decision import Recommendation
    from harness.adaptation.race import Contender
    from harness.scores.correlating import Correlations, Interval

__all__ = ["bench_table", "correlation_table", "estimate_table", "recommendation_table"]

METHOD, DATA = Column("method", "method"), Column("dataset", "data")
MEMORY, STORAGE, TIME, STEP = (
    column_of(METRICS[name]) for name in ("peak_memory", "storage", "search_time", "step_time")
)
NOWHERE = DeviceRow("", "", memory_limit_mib=None, fits=None, search_time=None)


def estimate_table(rows: Sequence[EstimateRow], *, brief: bool = False) -> Table:
    """Return the table of one estimate, with a column of times for each of its devices.

    Args:
        rows: those of the estimate.
        brief: whether it is for a terminal, with fewer columns, ranges in words beside their
            numbers, and remarks on devices below.
    """
    devices = list(dict.fromkeys(device.device for row in rows for device in row.devices))
    remarks = Remarks()
    cells = tuple(tuple(_cells(row, devices, remarks, brief=brief)) for row in rows)
    return Table(
        key="estimates",
        title="" if brief else "Estimates",
        caption=(
            *_widths(rows),
            estimate_legend(),
            *legend(cells),
            *(_remarks_on_devices(rows) if brief else ()),
        ),
        columns=tuple(_columns(devices, brief=brief)),
        rows=cells,
        notes=remarks.notes,
    )


def _widths(rows: Sequence[EstimateRow]) -> Iterator[str]:
    """Say which widths and steps the numbers are for, in capitals if cells are narrowed."""
    kinds_by_name = {setting.name: kind for kind, setting in SETTINGS.items()}
    kinds: dict[str, list[EstimateRow]] = {}
    for row in rows:
        kinds.setdefault(kinds_by_name.get(row.setting, "few-shot"), []).append(row)
    if tables := kinds.pop("tabular", []):
        yield f"Of {_either({row.search_steps for row in tables})} evaluations by a score."
    for kind, own in kinds.items():
        real, steps = SETTINGS[kind].default_channels, "epochs" if kind == "full-task" else "steps"
        widths, counts = (
            {getattr(row, name) for row in own} for name in ("channels", "search_steps")
        )
        told = f"{_either(widths)} channels (C) and {_either(counts)} {steps}"
        if all(width >= real for width in widths):
            yield f"Of {told}: the width of the paper, C = {real}."
        else:
            yield (
                f"NARROWED CELLS: of {told}, where the paper has C = {real}; methods that fit here "
                "may not fit at that width. --budget paper estimates it."
            )


def _either(values: Iterable[float]) -> str:
    return " or ".join(f"{value:,g}" for value in sorted(values))


def _columns(devices: Sequence[str], *, brief: bool) -> Iterator[Column]:
    yield from (METHOD, DATA)
    if not brief:
        yield Column("setting", "setting")
    yield Column("channels", "C" if brief else "channels", kind="number", digits=0)
    yield Column("steps", "steps", kind="number", digits=0)
    if brief:
        yield from (MEMORY, Column("memory_range", "range", kind="words"), STORAGE)
    else:
        yield from (MEMORY, replace(MEMORY, key="memory_lowest_mib", name="lowest memory"), STORAGE)
    for name in devices:
        yield replace(TIME, key=f"time_{name}_s", name=f"time on {name}")
        if brief:
            yield Column(f"band_{name}", "nine of ten", kind="words")
    yield Column("notes", "notes", kind="notes")


def _cells(
    row: EstimateRow, devices: Sequence[str], remarks: Remarks, *, brief: bool
) -> Iterator[TableCell]:
    on = {each.device: each for each in rows_of_estimate(row)}
    (any_row,) = rows_of_estimate(replace(row, devices=row.devices[:1] or (NOWHERE,)))
    yield TableCell(row.method)
    if brief:
        yield TableCell(f"{row.dataset} {any_row.full_setting}")
    else:
        yield from map(TableCell, (row.dataset, any_row.full_setting))
    yield from map(TableCell, (row.channels, row.search_steps))
    yield cell_of(any_row, METRICS["peak_memory"])
    lowest = row.lowest_memory_mib
    yield (
        TableCell(_range(any_row, MEMORY))
        if brief
        else TableCell(lowest, mark="" if lowest is None else "predicted")
    )
    yield cell_of(any_row, METRICS["storage"])
    for device in devices:
        yield cell_of(on[device], METRICS["search_time"]) if device in on else TableCell(None)
        if brief:
            yield TableCell(_range(on[device], TIME) if device in on else "")
    yield remarks.cell([f"Not estimated: {row.error}"] if row.error else [])


def _range(row: Row, column: Column) -> str:
    """Return the range of a column's number, in words; empty if it is a single number."""
    value = next((each for each in row.values.values() if each.metric.key == column.key), None)
    if value is None or value.low is None or value.high is None or value.low == value.high:
        return ""
    mark = SYMBOLS["predicted"]
    return " to ".join(f"{mark}{shown_number(end, column)}" for end in (value.low, value.high))


def _remarks_on_devices(rows: Sequence[EstimateRow]) -> Iterator[str]:
    """Say which limits devices have, which have no cost model, and what a time covers."""
    every = [device for row in rows for device in row.devices]
    limits = {each.device: each.memory_limit_mib for each in every}
    if any(each.fits is False for each in every):
        known = [f"{name} has {mib:,.0f} MiB" for name, mib in limits.items() if mib is not None]
        yield f"{SYMBOLS['unfit']}: {', '.join(known)}."
    if any(each.search_time for each in every):
        yield (
            "time: search steps of one task, or all epochs of a full task; nine of ten: where nine "
            "of ten times like those that the device was calibrated on would be."
        )
    unknown = [each.device for each in every if each.fits is not False and not each.search_time]
    if unknown:
        named = ", ".join(dict.fromkeys(unknown))
        yield f"{MISSING} no time: {named} has no cost model (harness devices calibrate)."


def bench_table(rows: Sequence[BenchRow]) -> Table:
    """Return the table of a benchmark, with ratios to the first method of each setting."""
    cells = tuple(_bench_cells(row, reference) for row, reference in with_references(rows))
    return Table(
        key="bench",
        title="",
        caption=(
            "Measured here. memory: the most bytes alive at once in three steps; step: median of "
            "the warm ones; ratio: to the first method of the setting, median over rounds.",
            *(f"{row.method} on {row.dataset}: {row.error}" for row in rows if row.error),
        ),
        columns=(
            METHOD,
            DATA,
            MEMORY,
            replace(STEP, key="first_step_s", name="first step", figures=3),
            replace(STEP, figures=3),
            Column("ratio", "ratio", kind="number", figures=3),
        ),
        rows=cells,
    )


def _bench_cells(row: BenchRow, reference: BenchRow) -> tuple[TableCell, ...]:
    parts = (row.setting, row.conditions, f"{row.images} images", f"C = {row.channels}")
    data = f"{row.dataset} {', '.join(filter(None, parts))}"
    numbers = (row.peak_memory_mib, row.first_step_s, row.median_s, row.ratio_to(reference))
    return (TableCell(row.method), TableCell(data), *map(TableCell, numbers))


MINUTES = replace(TIME, key="time_min", name="time", unit="min", digits=1)
ACCURACY = column_of(METRICS["accuracy"], has_spread=False)


def recommendation_table(found: Recommendation) -> Table:
    """Return the table of a recommendation: each method's costs and accuracy, or why not."""
    limit = to_mib(found.limits.memory_bytes)
    energy = found.limits.joules is not None
    cells = tuple(tuple(_contender_cells(each, energy=energy)) for each in found.contenders)
    raced = [
        f"accuracy: in the race, on {each.total} photos not learned from, after as many epochs as "
        "it says; interval: 95 % (Wilson). With so few photos that is a hint, not a measurement."
        for each in found.contenders
        if each.right is not None
    ][:1]
    return Table(
        key="recommendation",
        title="",
        caption=(
            "memory: the most that the method's choices can lead to, from shapes, its finishing "
            "included.",
            *((f"{found.device} may hold {limit:,.1f} MiB.",) if limit is not None else ()),
            *raced,
            *("beside weights-only: Fisher's exact test at 5 %." for _ in raced),
            *legend(cells),
        ),
        columns=(
            METHOD,
            MEMORY,
            STORAGE,
            MINUTES,
            Column("time_band", "nine of ten", kind="words"),
            *((replace(column_of(METRICS["energy"]), digits=0),) if energy else ()),
            Column("epochs", "epochs", kind="number", digits=0),
            replace(ACCURACY, digits=0),
            Column("accuracy_interval", "interval", kind="words"),
            Column("verdict", "beside weights-only"),
            Column("dropped", "dropped, since it", kind="prose"),
        ),
        rows=cells,
    )


def _contender_cells(each: Contender, *, energy: bool) -> Iterator[TableCell]:
    yield TableCell(each.label)
    for amount in (each.memory_bytes, each.cost.storage_bytes):
        yield TableCell(to_mib(amount), mark="" if amount is None else "predicted")
    time, minute = each.cost.time, 60.0
    yield TableCell(time.value_s / minute, mark="predicted") if time else TableCell(None)
    band = (
        [shown_number(end / minute, MINUTES) for end in (time.low_s, time.high_s)] if time else []
    )
    yield TableCell(" to ".join(f"{SYMBOLS['predicted']}{end}" for end in band))
    if energy:
        joules = each.cost.energy_j
        yield TableCell(joules.value_s, mark="predicted") if joules else TableCell(None)
    yield TableCell(each.epochs or None)
    yield TableCell(each.accuracy)
    yield TableCell(" to ".join(f"{end:.0f}" for end in each.interval or ()))
    yield TableCell(each.verdict)
    yield TableCell(each.dropped)


def correlation_table(result: Correlations) -> Table:
    """Return the table of rank correlations, each with its interval."""
    return Table(
        key="correlations",
        title="",
        caption=(
            f"{len(result.architectures):,} architectures of {result.table}. Brackets: 95 % "
            "bootstrap intervals over architectures. flops and parameters are the controls.",
        ),
        columns=(
            Column("target", "ranked by"),
            Column("score", "score"),
            Column("spearman", "Spearman's ρ", kind="words"),
            Column("kendall", "Kendall's τ", kind="words"),
        ),
        rows=tuple(
            (
                TableCell(each.target),
                TableCell(each.score),
                TableCell(_with_interval(each.spearman)),
                TableCell(_with_interval(each.kendall)),
            )
            for each in result.found
        ),
    )


def _with_interval(interval: Interval | None) -> str | None:
    if interval is None:
        return None
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]".replace("-", "−")
