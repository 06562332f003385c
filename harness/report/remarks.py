"""Remarks of rows, each written once below the table and referred to by a letter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from string import ascii_lowercase

from harness.report.table import Cell, Note
from harness.results.reading import one_line
from harness.results.record import Record
from harness.results.summary import FAILED

__all__ = ["Remarks", "endings", "failures", "side_by_side"]

STATUS_WORDS = {
    "ok": "ok",
    "out_of_memory": "does not fit",
    "over_budget": "over budget",
    "error": "error",
    "interrupted": "interrupted",
}


class Remarks:
    """Collects the remarks of a table's rows, in the order in which they first appear."""

    def __init__(self) -> None:
        """Start without any."""
        self._signs: dict[str, str] = {}

    def cell(self, texts: Iterable[str]) -> Cell:
        """Return the cell of a row that has these remarks."""
        told = list(dict.fromkeys(texts))
        for text in told:
            self._signs.setdefault(text, _letters(len(self._signs)))
        return Cell(", ".join(self._signs[text] for text in told), note=" ".join(told))

    @property
    def notes(self) -> tuple[Note, ...]:
        """What to write below the table."""
        return tuple(Note(sign, text) for text, sign in self._signs.items())


def endings(group: Sequence[Record]) -> str:
    """Say how the trials of a row ended: `ok`, `does not fit`, or `1 of 3 error`."""
    bad = [record.status for record in group if record.status != "ok"]
    if not bad:
        return "ok"
    if len(set(bad)) == 1 and len(bad) == len(group):
        return STATUS_WORDS[bad[0]]
    kinds = dict.fromkeys(bad)
    return ", ".join(f"{bad.count(kind)} of {len(group)} {STATUS_WORDS[kind]}" for kind in kinds)


def failures(group: Sequence[Record]) -> list[str]:
    """Say what went wrong in the trials of a row, each fault once, with the seeds it befell."""
    seeds: dict[str, list[int]] = {}
    for record in group:
        if record.status in FAILED and record.error is not None:
            error = record.error
            fault = one_line(f"{error.type} ({error.stage}): {error.message}")
            seeds.setdefault(fault, []).append(record.seed)
    return [
        f"Failed with seed {', '.join(map(str, sorted(told)))}: {fault}"
        for fault, told in seeds.items()
    ]


def side_by_side(group: Sequence[Record]) -> list[str]:
    """Say that the measured times of a row were taken while other trials shared the machine."""
    most = max(_at_once(record) for record in group)
    if most == 1:
        return []
    return [f"Measured while up to {most} trials shared the machine: alone, they take less time."]


def _at_once(record: Record) -> int:
    """Count the trials that were under way on the machine of a measured one, itself included."""
    told = record.environment.get("trials_side_by_side")
    measured = record.device.mode == "measured" and record.status == "ok"
    return told if measured and isinstance(told, int) and told > 1 else 1


def _letters(number: int) -> str:
    """Count a, b, ..., z, aa, ab, ..."""
    letters = ""
    number += 1
    while number:
        number, place = divmod(number - 1, len(ascii_lowercase))
        letters = ascii_lowercase[place] + letters
    return letters
