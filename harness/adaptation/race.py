"""Races methods on photos: rounds of few epochs, after each of which half of them are left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from harness.adaptation.costs import Cost
from harness.adaptation.request import Part, PhotosRequest
from harness.contracts import DataRequest, Dataset
from harness.cost_model.profile import predicted_time_json
from harness.metrics import MIB
from harness.models.judging import wilson
from harness.plugins.loading import Plugins
from harness.plugins.selection import select
from harness.results.record import Record
from harness.trials.record_writer import RunListener
from harness.trials.runner import run_trials

__all__ = ["BASELINE", "Contender", "Progress", "Say", "halved", "open_photos", "order", "race"]

Progress = Callable[[int], AbstractContextManager[RunListener]]
Say = Callable[[str], None]

ROUNDS = (4, 2)  # each has this part of the epochs
BASELINE = "weights-only"  # what a search has to be better than


@dataclass(frozen=True)
class Contender:
    """A method, what it would cost, and how it has fared.

    Attributes:
        cost: as it was estimated.
        right: photos that it was right about in its last round; None where it was in none.
        total: of so many, which it had not learned from.
        epochs: of that round.
        counted_bytes: the most memory that was counted in its rounds.
        dropped: why it was left behind; empty for those that were not.
        verdict: its accuracy beside that of `weights-only`, in words; empty where not compared.
    """

    cost: Cost
    right: int | None = None
    total: int = 0
    epochs: int = 0
    counted_bytes: int = 0
    dropped: str = ""
    verdict: str = ""

    @property
    def label(self) -> str:
        """The method, as people type it."""
        return self.cost.label

    @property
    def name(self) -> str:
        """The method without its parameters."""
        return self.label.partition("[")[0]

    @property
    def memory_bytes(self) -> int | None:
        """Peak memory, as it was estimated or, if that was more, counted."""
        peak = self.cost.peak_bytes
        return None if peak is None else max(peak, self.counted_bytes)

    @property
    def accuracy(self) -> float | None:
        """Percent of the photos of its last round that it was right about."""
        return None if self.right is None else 100 * self.right / self.total

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the accuracy, in percent."""
        return None if self.right is None else wilson(self.right, self.total)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        low, high = self.interval or (None, None)
        cost = self.cost
        return {
            "method": self.label,
            "peak_memory_bytes": self.memory_bytes,
            "storage_bytes": cost.storage_bytes,
            "search_time": predicted_time_json(cost.time),
            "accuracy": {"value": self.accuracy, "unit": "%", "low": low, "high": high},
            "right": self.right,
            "photos": self.total,
            "epochs": self.epochs,
            "verdict": self.verdict or None,
            "dropped": self.dropped or None,
        }


def open_photos(plugins: Plugins, request: PhotosRequest, say: Say, part: Part = "all") -> Dataset:
    """Return the photos, split.

    Raises:
        DataError: they are not there, unreadable, too few, or not laid out as expected.
    """
    (selection,) = select(plugins, "dataset", request.dataset(part))
    data: Dataset = selection.create().prepare(DataRequest(None, request.cache_root, say))
    return data


def race(
    plugins: Plugins,
    request: PhotosRequest,
    standing: Sequence[Contender],
    progress: Progress,
    say: Say,
) -> list[Contender]:
    """Run all in rounds that grow, after each of which the worse half of those that search goes.

    Raises:
        KeyboardInterrupt: Ctrl-C; the same race goes on with what is missing.
    """
    total = len(open_photos(plugins, request, say, "rehearsal").images("test"))
    behind: list[Contender] = []
    for number, share in enumerate(ROUNDS):
        asked = request.run_request([each.label for each in standing], "rehearsal", share)
        result = run_trials(plugins, asked, progress, say)
        if result.interrupted:
            raise KeyboardInterrupt
        records = {record.label: record for record in result.records}
        ran = [_with_record(each, records[each.label], total) for each in standing]
        behind += [each for each in ran if each.dropped]
        standing = [each for each in ran if not each.dropped]
        if number + 1 < len(ROUNDS):
            left, slow = halved(standing, plugins.controls)
            standing, behind = left, behind + slow
    return [*standing, *behind]


def _with_record(contender: Contender, record: Record, total: int) -> Contender:
    if record.status != "ok":
        told = record.error.message if record.error else record.status
        return replace(contender, right=None, dropped=f"did not end well: {told}")
    accuracy, memory = (record.metrics[name].value for name in ("accuracy", "peak_memory"))
    return replace(
        contender,
        right=round((accuracy or 0.0) * total / 100),
        total=total,
        epochs=record.budget.allowed.epochs,
        counted_bytes=max(contender.counted_bytes, round((memory or 0.0) * MIB)),
    )


def halved(
    standing: Sequence[Contender], controls: Collection[str]
) -> tuple[list[Contender], list[Contender]]:
    """Keep the controls and the better half of the others; the rest is behind."""
    searching = sorted((each for each in standing if each.name not in controls), key=order)
    kept = searching[: (len(searching) + 1) // 2]
    behind = [
        replace(each, dropped=f"was behind after {each.epochs} epochs")
        for each in searching
        if each not in kept
    ]
    return [each for each in standing if each.name in controls or each in kept], behind


def order(contender: Contender) -> tuple[bool, float, int]:
    """Sort by what is left, then accuracy, then memory."""
    accuracy = contender.accuracy
    dropped = bool(contender.dropped)
    return dropped, 1.0 if accuracy is None else -accuracy, contender.memory_bytes or 0
