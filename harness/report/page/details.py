"""What is behind a trial's name: its cells, its steps, its log and its record, packed together.

Records repeat each other, so that many of them compress to little: they are packed by the dozen,
and the page unpacks a pack when one of its trials is opened.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.errors import UsageError
from harness.report.page.steps_chart import steps_chart
from harness.report.pictures.cells.graph import graph_of
from harness.report.pictures.cells.layout import lay_out
from harness.report.pictures.cells.svg import svg_of
from harness.report.pictures.part import read_part
from harness.report.pictures.step_file import read_steps
from harness.results.folder import FoundTrial
from harness.results.record import Record
from harness.space.genotype import Edge, Genotype
from harness.space.topology import CELL_KINDS

__all__ = ["Details", "details_of"]

PER_PACK = 24  # trials
LEVEL = 6  # of gzip: the highest takes twice as long, to save a hundredth
MOST_PACKED = 3 * 2**20  # bytes of all packs together
MOST_LOG = 12 * 2**10  # bytes of one log
MOST_RECORD = 96 * 2**10  # characters of one record


@dataclass(frozen=True)
class Details:
    """Packs of `per_pack` trials each, in the order of the trials; `left_out` have none."""

    packs: Sequence[str]
    per_pack: int
    left_out: int


def details_of(trials: Sequence[FoundTrial]) -> Details:
    """Pack the details of as many trials as a page can hold."""
    packs: list[str] = []
    size = packed = 0
    for start in range(0, len(trials), PER_PACK):
        own = trials[start : start + PER_PACK]
        pack = _pack([_details(trial) for trial in own])
        size += len(pack)
        if size > MOST_PACKED:
            break
        packs.append(pack)
        packed += len(own)
    return Details(packs, PER_PACK, len(trials) - packed)


def _pack(details: Sequence[dict[str, object]]) -> str:
    """Put like beside like, cells beside cells: gzip looks back no further than 32 KiB."""
    columns = {key: [each[key] for each in details] for key in details[0]}
    text = json.dumps(columns, ensure_ascii=False, separators=(",", ":"))
    packed = gzip.compress(text.encode(errors="replace"), LEVEL, mtime=0)
    return b64encode(packed).decode()


def _details(trial: FoundTrial) -> dict[str, object]:
    record = trial.record
    cells, why_none = _cells(record)
    text = record.model_dump_json(by_alias=True, indent=1)
    return {
        "cells": cells,
        "no_cells": why_none,
        "steps": steps_chart(read_steps(trial.folder), record.device.memory_limit_bytes),
        "log": _log(trial),
        "record": _cut(text, MOST_RECORD, "record.json"),
        "folder": trial.folder.name,
    }


def _cells(record: Record) -> tuple[list[tuple[str, str]], str]:
    """Return what each cell is and its SVG, those before the search first; or none and why."""
    told = {"before the search": record.initial_architecture, "found": record.architecture}
    try:
        cells = [
            (f"{kind} cell, {when}", _cell(getattr(found, kind), kind))
            for when, architecture in told.items()
            if architecture is not None
            for found in [Genotype.from_json(json.dumps(architecture))]
            for kind in CELL_KINDS
        ]
    except UsageError as error:
        return [], f"The record's architecture cannot be drawn: {error}."
    return cells, "" if cells else "This trial ended without an architecture."


@lru_cache(maxsize=256)  # what is chosen late, or for one's cost alone, is often the same
def _cell(cell: tuple[tuple[Edge, Edge], ...], kind: str) -> str:
    named = [f"{edge.operation} to node {n}" for n, node in enumerate(cell) for edge in node]
    return svg_of(lay_out(graph_of(cell)), f"{kind} cell: {', '.join(named)}")


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
