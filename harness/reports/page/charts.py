"""What the page's own charts are drawn from: rows as JSON, each with its method's look.

The charts are drawn by `templates/charts.js`, so that filters, the legend and the limit change
them; every number of theirs also stands in a table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.comparison.paper import compare_with
from harness.comparison.published import PublishedSuite
from harness.reports.pictures.style import COLOURS, LINES, MARKERS, looks
from harness.results.results import Results
from harness.results.rows import Row, Value, metrics_of_rows

__all__ = ["charts_json"]

MOST_ROWS = 3000


def charts_json(results: Results, published: Sequence[PublishedSuite]) -> str:
    """Return the data of the charts, safe to stand in a `script` element."""
    rows = [row for row in results.rows if row.values or row.fits is False][:MOST_ROWS]
    labels = dict.fromkeys(row.method for row in rows)
    places = {id(record): place for place, record in enumerate(results.records)}
    content = {
        "metrics": [
            {"name": m.name, "title": m.title, "unit": m.unit, "more": m.more_is_better}
            for m in metrics_of_rows(rows, always=False)
        ],
        "looks": dict(_looks(labels)),
        "rows": [_row(row, places) for row in rows],
        "paper": list(_paper(results, published)),
    }
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")  # a stranger's name ends no script


def _looks(labels: Mapping[str, None]) -> Iterator[tuple[str, list[int]]]:
    for label, look in looks(labels).items():
        yield label, [COLOURS.index(look.colour), MARKERS.index(look.marker), _line(look.line)]


def _line(line: object) -> int:
    return list(LINES).index(line)  # type: ignore[arg-type]


def _row(row: Row, places: Mapping[int, int]) -> dict[str, Any]:
    return {
        "method": row.method,
        "dataset": row.dataset,
        "setting": row.full_setting,
        "device": row.device,
        "mode": row.mode,
        "limit": row.limit_mib,
        "fits": row.fits,
        "chance": row.chance,
        "trial": places.get(id(row.records[0])) if row.records else None,
        "seeds": len(row.records),
        "values": {name: _value(value) for name, value in row.values.items()},
    }


def _value(value: Value) -> list[Any]:
    """Return the value, the ends of its interval or band, and its source."""
    low, high = value.low, value.high
    if value.interval is not None and value.metric.shows_spread:
        low, high = value.value - value.interval, value.value + value.interval
    return [_short(value.value), _short(low), _short(high), value.source]


def _short(value: float | None) -> float | None:
    """Keep what a chart shows."""
    return None if value is None else float(f"{value:.6g}")


def _paper(results: Results, published: Sequence[PublishedSuite]) -> Iterator[dict[str, Any]]:
    """Give each published number that there is one of ours beside, the farthest first."""
    for suite in (each for each in published if each.has_numbers):
        notes = suite.published.notes
        for compared in compare_with(suite, results.rows, results.stand_ins):
            lines = [each for each in compared.lines if each.relative is not None]
            for line in sorted(lines, key=lambda each: -abs(each.relative or 0.0)):
                row = next((row for place, row in suite.rows if place == line.place), None)
                why = [note.text for note in notes if row and note.where and note.is_about(row)]
                if compared.scaled:
                    why.append("The budget is scaled.")
                yield {
                    "suite": suite.title,
                    "metric": line.metric.title + (f" on {line.device}" if line.device else ""),
                    "unit": line.metric.unit,
                    "method": line.place.method,
                    "place": f"{line.place.dataset} {line.place.setting}",
                    "ours": _short(line.ours),
                    "published": line.published,
                    "source": line.source,
                    "why": " ".join(why),
                }
