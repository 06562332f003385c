"""The details of trials: cells, judged images, steps, log and record, compressed in packs.

Records are much alike, so many of them together compress well: each pack holds two dozen trials,
and the page unpacks it when one of them is opened. All methods judge the same images, so each image
is in the page only once.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.errors import UsageError
from harness.metrics import MIB
from harness.reports.pictures.cell_layout import graph_of, lay_out, operation_name
from harness.reports.pictures.cells import cell_svg
from harness.reports.pictures.curves import thinned
from harness.results.reading import one_line, read_part
from harness.results.record import Record
from harness.results.results import FoundTrial
from harness.results.run_files import Step, read_examples, read_steps
from harness.space.genotype import Edge, Genotype
from harness.space.spec import CELL_KINDS

__all__ = ["Details", "details_of"]

Cell = tuple[tuple[Edge, Edge], ...]

PER_PACK = 24  # trials
LEVEL = 6  # of gzip: the highest takes twice as long, to save a hundredth
MOST_PACKED = 3 * 2**20  # bytes of all packs together
MOST_IMAGES = 384 * 2**10  # characters of all images together
MOST_LOG = 12 * 2**10  # bytes of one log
MOST_RECORD = 96 * 2**10  # characters of one record

# Of the small chart of a trial's steps, in pixels.
WIDTH, HEIGHT = 680, 150
LEFT, RIGHT, TOP, BOTTOM = 8, 672, 26, 124


@dataclass(frozen=True)
class Details:
    """Packs of `per_pack` trials each, in the order of the trials; `left_out` have none.

    Attributes:
        images: PNG as base64, which trials refer to by their place.
    """

    packs: Sequence[str]
    per_pack: int
    left_out: int
    images: Sequence[str] = ()


def details_of(trials: Sequence[FoundTrial]) -> Details:
    """Pack the details of as many trials as a page can hold."""
    packs: list[str] = []
    images: dict[str, int] = {}
    size = packed = 0
    for start in range(0, len(trials), PER_PACK):
        own = trials[start : start + PER_PACK]
        pack = _pack([_details(trial, images) for trial in own])
        size += len(pack)
        if size > MOST_PACKED:
            break
        packs.append(pack)
        packed += len(own)
    return Details(packs, PER_PACK, len(trials) - packed, list(images))


def _pack(details: Sequence[dict[str, object]]) -> str:
    """Compress trials part by part, cells beside cells, since gzip looks back only 32 KiB."""
    columns = {key: [each[key] for each in details] for key in details[0]}
    text = json.dumps(columns, ensure_ascii=False, separators=(",", ":"))
    packed = gzip.compress(text.encode(errors="replace"), LEVEL, mtime=0)
    return b64encode(packed).decode()


def _details(trial: FoundTrial, images: dict[str, int]) -> dict[str, object]:
    record = trial.record
    cells, why_none = _cells(record)
    text = record.model_dump_json(by_alias=True, indent=1)
    return {
        "cells": cells,
        "no_cells": why_none,
        "examples": _examples(trial, images),
        "steps": _steps_chart(read_steps(trial.folder), record.device.memory_limit_bytes),
        "log": _log(trial),
        "record": _cut(text, MOST_RECORD, "record.json"),
        "folder": trial.folder.name,
    }


def _examples(trial: FoundTrial, images: dict[str, int]) -> list[tuple[int, str, str]]:
    """Return each judged image's index in `images`, with its label and prediction.

    New images are appended to `images`, as long as there is room.
    """
    found = []
    for example in read_examples(trial.folder):
        image = b64encode(example.png).decode()
        has_room = sum(map(len, images)) + len(image) <= MOST_IMAGES
        if image in images or has_room:
            place = images.setdefault(image, len(images))
            found.append((place, one_line(example.label), one_line(example.predicted)))
    return found


def _cells(record: Record) -> tuple[list[tuple[str, str]], str]:
    """Return cells as SVG with titles, those before the search first; or none, and why."""
    if record.dataset.kind == "tabular":
        found = (record.architecture or {}).get("architecture", "none")
        return [], f"The architecture that was found: {found}."
    told = {"before the search": record.initial_architecture, "found": record.architecture}
    try:
        known = {
            when: Genotype.from_json(json.dumps(architecture))
            for when, architecture in told.items()
            if architecture is not None
        }
    except UsageError as error:
        return [], f"The record's architecture cannot be drawn: {error}."
    cells = []
    for when, found in known.items():
        for kind in CELL_KINDS:
            cell = getattr(found, kind)
            before = getattr(known.get("before the search"), kind, cell)
            new = _new_operations(cell, before)
            words = f": {len(new)} of {2 * len(cell)} edges changed" if cell is not before else ""
            cells.append((f"{kind} cell, {when}{words}", _cell(cell, kind, new)))
    return cells, "" if cells else "This trial ended without an architecture."


def _new_operations(cell: Cell, before: Cell) -> tuple[str, ...]:
    """Return the names, in a cell's graph, of operations that were not chosen before the search."""
    return tuple(
        operation_name(n, place)
        for n, (node, earlier) in enumerate(zip(cell, before, strict=False))
        for place, edge in enumerate(node)
        if edge not in earlier
    )


@lru_cache(maxsize=256)  # what is chosen late, or for one's cost alone, is often the same
def _cell(cell: Cell, kind: str, new: tuple[str, ...]) -> str:
    named = [f"{edge.operation} to node {n}" for n, node in enumerate(cell) for edge in node]
    return cell_svg(lay_out(graph_of(cell)), f"{kind} cell: {', '.join(named)}", new)


def _log(trial: FoundTrial) -> str:
    part = read_part(trial.folder / "log.txt", MOST_LOG, end=True)
    text = part.content.decode(errors="replace")
    if not part.left_out:
        return text
    return f"[The first {part.left_out:,} bytes of log.txt are left out.]\n{text}"


def _cut(text: str, most: int, name: str) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}\n[The last {len(text) - most:,} characters of {name} are left out.]"


def _steps_chart(steps: Sequence[Step], limit_bytes: int | None) -> str:
    """Return an `svg` element of memory over steps; empty if no memory was counted."""
    counted = [step.memory_bytes / MIB for step in steps if step.memory_bytes]
    if not counted:
        return ""
    most = max(counted)
    limit = None if limit_bytes is None else limit_bytes / MIB
    ceiling = limit if limit is not None and most < limit < 2.5 * most else most
    points = " ".join(
        f"{_across(place, len(counted)):.1f},{_down(value, ceiling):.1f}"
        for place, value in thinned(counted)
    )
    words = f"peak {most:,.1f} MiB in {len(counted):,} search steps{_beside(limit)}"
    line = "" if limit is None or limit > ceiling else _limit_line(limit, ceiling)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="steps" role="img" aria-label="{words}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><path class="axis" d="M{LEFT} {BOTTOM}H{RIGHT}"/>{line}'
        f'<polyline class="line" points="{points}"/><text x="{LEFT}" y="14">{words}</text>'
        f'<text x="{LEFT}" y="142">step 1</text>'
        f'<text class="end" x="{RIGHT}" y="142">step {len(counted):,}</text></svg>'
    )


def _beside(limit: float | None) -> str:
    return "; the device has no limit" if limit is None else f"; the device has {limit:,.0f} MiB"


def _limit_line(limit: float, ceiling: float) -> str:
    return f'<path class="limit" d="M{LEFT} {_down(limit, ceiling):.1f}H{RIGHT}"/>'


def _across(place: int, steps: int) -> float:
    return LEFT + (RIGHT - LEFT) * place / max(steps - 1, 1)


def _down(value: float, ceiling: float) -> float:
    """Return the vertical position of a value; 0 is at the bottom."""
    return BOTTOM - (BOTTOM - TOP) * value / ceiling
