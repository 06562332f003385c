"""Races methods on photos: two rounds of few epochs, within the time that there is for it.

The controls run the first round in any case. They show how fast this machine is; of the other
methods those take part, the lightest first, for whom there is time to come to the end. After the
first round the better half of them is left; where there is time for no second one, it decides.
Time is counted by the records of the trials, so that the same race, once interrupted, lets the same
methods in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.adaptation.costs import Cost
from harness.adaptation.request import Part, PhotosRequest, Progress, Say, open_photos
from harness.contracts import Device
from harness.cost_model.profile import predicted_time_json
from harness.devices.at_hand import mode_here, takes_turns
from harness.executors.base import ExecutorOptions
from harness.metrics import MIB
from harness.models.judging import wilson
from harness.plugins.loading import Plugins
from harness.plugins.selection import select
from harness.results.record import Record
from harness.runtime.determinism import usable_cores
from harness.trials.runner import run_trials

__all__ = [
    "BASELINE",
    "Contender",
    "Track",
    "admitted",
    "halved",
    "in_time",
    "order",
    "race",
]

ROUNDS = (8, 3)  # each has this part of the epochs
MOST_SIDE_BY_SIDE = 4  # trials, which share this machine's memory
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
        seconds: that its last round took here.
        dropped: why it was left behind; empty for those that were not.
        verdict: its accuracy beside that of `weights-only`, in words; empty where not compared.
    """

    cost: Cost
    right: int | None = None
    total: int = 0
    epochs: int = 0
    counted_bytes: int = 0
    seconds: float = 0.0
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
            "energy": {**predicted_time_json(cost.energy_j), "unit": "J"},
            "accuracy": {"value": self.accuracy, "unit": "%", "low": low, "high": high},
            "right": self.right,
            "photos": self.total,
            "epochs": self.epochs,
            "verdict": self.verdict or None,
            "dropped": self.dropped or None,
        }


def race(
    plugins: Plugins,
    request: PhotosRequest,
    standing: Sequence[Contender],
    progress: Progress,
    say: Say,
) -> list[Contender]:
    """Run the controls, and of the others what there is time for, in two rounds.

    Raises:
        KeyboardInterrupt: Ctrl-C; the same race goes on with what is missing.
    """
    track = Track(plugins, request, _side_by_side(plugins, request), progress, say)
    lightest = sorted(standing, key=lambda each: each.cost.work)
    controls = [each for each in standing if each.name in plugins.controls] or lightest[:1]
    others = [each for each in lightest if each not in controls]
    began = track.run(controls, ROUNDS[0])
    others, left_out = admitted(others, began, request.race_s * track.side_by_side)
    ran = [*began, *(track.run(others, ROUNDS[0]) if others else [])]
    failed = [each for each in ran if each.dropped]
    left, slow = halved([each for each in ran if not each.dropped], plugins.controls)
    seconds = request.race_s * track.side_by_side - _spent(ran)
    going_on, late = in_time(left, plugins.controls, seconds)
    if len(going_on) < 2:  # one alone is not raced: the first round decides
        return [*left, *failed, *slow, *left_out]
    return [*track.run(going_on, ROUNDS[1]), *failed, *slow, *late, *left_out]


@dataclass(frozen=True)
class Track:
    """Runs methods on photos, and says how they have fared.

    Attributes:
        side_by_side: trials that run at once.
    """

    plugins: Plugins
    request: PhotosRequest
    side_by_side: int
    progress: Progress
    say: Say

    def run(
        self, contenders: Sequence[Contender], share: int, part: Part = "rehearsal"
    ) -> list[Contender]:
        """Return the contenders after a round; some of them may have failed in it.

        Args:
            contenders: the methods.
            share: they have 1/share of the epochs.
            part: of the photos.
        """
        labels = [each.label for each in contenders]
        total = len(open_photos(self.plugins, self.request, self.say, part).images("test"))
        asked = replace(
            self.request.run_request(labels, part, share),
            executor=ExecutorOptions(jobs=self.side_by_side),
        )
        result = run_trials(self.plugins, asked, self.progress, self.say)
        if result.interrupted:
            raise KeyboardInterrupt
        records = {record.label: record for record in result.records}
        return [_with_record(each, records[each.label], total) for each in contenders]


def _side_by_side(plugins: Plugins, request: PhotosRequest) -> int:
    """Return how many trials run at once: one where they take turns on the device itself."""
    (selection,) = select(plugins, "device", request.device)
    device: Device = selection.create()
    if request.mode != "emulated" and takes_turns(device.profile, mode_here(device)):
        return 1
    return min(usable_cores(), MOST_SIDE_BY_SIDE)


GROWTH = ROUNDS[0] / ROUNDS[1]  # how much longer the second round is
TOO_SLOW = "would have taken longer than there is time for the race"


def admitted(
    others: Sequence[Contender], controls: Sequence[Contender], seconds: float
) -> tuple[list[Contender], list[Contender]]:
    """Choose who takes part besides the controls: the lightest, as long as there is time.

    Half of them go on to the second round.

    Args:
        others: the methods that search, the lightest first.
        controls: after their first round, which tells how fast this machine is.
        seconds: for all trials of both rounds, those of the controls included.

    Returns:
        Those who take part, and the others, dropped.
    """
    work = sum(each.cost.work for each in controls)
    rate = _spent(controls) / work if work else 0.0  # seconds of a first round, of a unit of work
    left = seconds - _spent(controls) * (1 + GROWTH)
    return _as_time_allows(others, left, lambda each: each.cost.work * rate * (1 + GROWTH / 2))


def in_time(
    contenders: Sequence[Contender], controls: Collection[str], seconds: float
) -> tuple[list[Contender], list[Contender]]:
    """Choose who goes on to the second round, as long as there is time.

    `weights-only` comes first, then the other controls, then the best of the rest.

    Returns:
        Those who go on, and the others, dropped.
    """

    def turn(each: Contender) -> tuple[bool, bool, tuple[bool, float, int]]:
        return each.name != BASELINE, each.name not in controls, order(each)

    in_turn = sorted(contenders, key=turn)
    return _as_time_allows(in_turn, seconds, lambda each: each.seconds * GROWTH)


def _as_time_allows(
    contenders: Sequence[Contender], left: float, takes: Callable[[Contender], float]
) -> tuple[list[Contender], list[Contender]]:
    """Keep the first ones, for whom `left` seconds are enough; drop the others."""
    kept, late = [], []
    for each in contenders:
        left -= takes(each)
        if left >= 0:
            kept.append(each)
        else:
            late.append(replace(each, dropped=TOO_SLOW))
    return kept, late


def _spent(contenders: Sequence[Contender]) -> float:
    return sum(each.seconds for each in contenders)


def _with_record(contender: Contender, record: Record, total: int) -> Contender:
    if record.status != "ok":
        told = record.error.message if record.error else record.status
        failed = replace(contender, right=None, seconds=record.timing.wall_s)
        return replace(failed, dropped=f"did not end well: {told}")
    accuracy, memory = (record.metrics[name].value for name in ("accuracy", "peak_memory"))
    return replace(
        contender,
        right=round((accuracy or 0.0) * total / 100),
        total=total,
        epochs=record.budget.allowed.epochs,
        seconds=record.timing.wall_s,
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
