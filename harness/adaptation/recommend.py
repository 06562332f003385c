"""Which method to take for photos on a device: what fits is raced, in rounds of few epochs.

The photos that an adaptation is judged by take no part in it: it holds out others of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from scipy.stats import fisher_exact  # type: ignore[import-untyped]

from harness.adaptation.costs import Cost, costs_of, leaner
from harness.adaptation.race import (
    BASELINE,
    Contender,
    Progress,
    Say,
    open_photos,
    order,
    race,
)
from harness.adaptation.request import PhotosRequest
from harness.contracts import DeployableMethod, Device
from harness.errors import UsageError
from harness.metrics import MIB
from harness.plugins.loading import Plugins
from harness.plugins.registry import ALL
from harness.plugins.selection import Selection, select, select_usable

__all__ = ["Limits", "Recommendation", "compared", "decided", "recommend", "usable_methods"]

PARTS = (5, 1)  # of a batch, where a method can take it in parts
SURE = 0.05  # chance that two methods of one accuracy would differ so much


@dataclass(frozen=True)
class Limits:
    """What must not be exceeded; None: it may be whatever it is."""

    memory_bytes: int | None
    seconds: float | None

    def fault(self, cost: Cost) -> str:
        """Say what of a method is beyond a limit; empty if nothing is."""
        if cost.error:
            return f"cannot be estimated: {cost.error}"
        if self.memory_bytes is not None and (cost.peak_bytes or 0) > self.memory_bytes:
            return "needs more memory than there is"
        if self.seconds is not None and cost.time is not None and cost.time.high_s > self.seconds:
            return "may take longer than there is time"
        return ""


@dataclass(frozen=True)
class Recommendation:
    """What to take, why, and what else there was.

    Attributes:
        choice: the method to take; None: nothing fits.
        sentence: on what to take and why.
        contenders: the choice, then the others, the best first; those that do not fit last.
        device: its name.
        limits: that all were held to.
        remarks: sentences besides, such as on methods that were left out.
    """

    choice: Contender | None
    sentence: str
    contenders: tuple[Contender, ...]
    device: str
    limits: Limits
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "recommended": self.choice.label if self.choice else None,
            "sentence": self.sentence,
            "device": self.device,
            "limits": asdict(self.limits),
            "methods": [each.to_json() for each in self.contenders],
            "remarks": list(self.remarks),
        }


def recommend(
    plugins: Plugins,
    request: PhotosRequest,
    progress: Progress,
    say: Say,
    seconds: float | None = None,
) -> Recommendation:
    """Say which method to take for photos on a device.

    Args:
        plugins: where names are looked up.
        request: the photos, the device and the budget.
        progress: given a number of trials, encloses them with a listener.
        say: reports sentences to the person.
        seconds: that the adaptation may take on the device; None: as many as it needs.

    Raises:
        UsageError: something that was asked for is wrong, or no time can be told of the device.
        KeyboardInterrupt: Ctrl-C; the same request goes on with what is missing.
    """
    limits = _limits(plugins, request, seconds)
    remarks: list[str] = []

    def remark(sentence: str) -> None:
        remarks.append(sentence)
        say(sentence)

    selections = usable_methods(plugins, remark)
    photos = open_photos(plugins, request, say, "rehearsal")  # what is wrong is said first
    contenders = _estimated(plugins, request, selections, limits, say)
    standing = [each for each in contenders if not each.dropped]
    if standing:
        minutes = f"{request.race_s / 60:.2g} minutes"
        say(f"racing up to {len(standing)} methods on a part of the photos, for about {minutes}")
        raced = {each.label: each for each in race(plugins, request, standing, progress, say)}
        contenders = [raced.get(each.label, each) for each in contenders]
    found = decided(request.device, limits, compared(contenders), tuple(remarks))
    return beside_guessing(found, photos.splits["test"].classes)


def usable_methods(plugins: Plugins, say: Say) -> list[Selection]:
    """Return every method that can be run here, and has a model to give.

    Raises:
        UsageError: there is none.
    """
    usable = select_usable(plugins, [ALL])
    for name, reason in usable.left_out.items():
        say(f"method {name} is left out: {reason}")
    found = [each for each in usable.selections if isinstance(each.create(), DeployableMethod)]
    if not found:
        raise UsageError("no method that is registered has a model to give")
    return found


def _limits(plugins: Plugins, request: PhotosRequest, seconds: float | None) -> Limits:
    (selection,) = select(plugins, "device", request.device)
    device: Device = selection.create()
    if seconds is not None and device.profile.cost is None:
        raise UsageError(
            f"no time can be told of device '{request.device}', which has no cost model; leave out "
            "--time, or see harness devices calibrate"
        )
    given = None if request.memory_mib is None else int(request.memory_mib * MIB)
    known = [each for each in (given, device.profile.memory_limit_bytes) if each is not None]
    return Limits(min(known, default=None), seconds)


def _estimated(
    plugins: Plugins,
    request: PhotosRequest,
    selections: Sequence[Selection],
    limits: Limits,
    say: Say,
) -> list[Contender]:
    """Estimate every method as it is, and what does not fit by its other engines and parts."""

    def estimated(labels: Sequence[str]) -> list[Contender]:
        asked, finish = request.run_request(labels), request.finish_epochs()
        costs = costs_of(plugins, asked, finish, request.cache_root, say) if labels else []
        return [Contender(each, dropped=limits.fault(each)) for each in costs]

    say(f"estimating {len(selections)} methods")
    found = estimated([each.label for each in selections])
    left = [each for each, made in zip(selections, found, strict=True) if made.dropped]
    others: list[Contender] = []
    for parts in PARTS:
        labels = list(leaner(plugins, left, parts))
        more = estimated(labels)
        # What does not fit in many parts by any engine does not fit in fewer.
        unfit = {each.name for each in more} - {each.name for each in more if not each.dropped}
        left = [each for each in left if each.name not in unfit]
        others += more
    quickest: dict[str, Contender] = {}
    for each in others:
        if not each.dropped and _seconds(each) < _seconds(quickest.get(each.name)):
            quickest[each.name] = each
    told = [
        each
        if each.dropped or each is quickest[each.name]
        else replace(each, dropped=f"is slower than {quickest[each.name].label}, which fits too")
        for each in others
    ]
    return [*found, *told]


def _seconds(contender: Contender | None) -> float:
    """Return what to choose among engines by; the first that fits, where no time is predicted."""
    if contender is None:
        return float("inf")
    return contender.cost.time.value_s if contender.cost.time else 0.0


def compared(contenders: Sequence[Contender]) -> list[Contender]:
    """Set each that has come to the end beside `weights-only` (Fisher's exact test)."""
    ended = [each for each in contenders if not each.dropped]
    baseline = next((each for each in ended if each.name == BASELINE), None)
    if baseline is None:
        return list(contenders)
    return [
        replace(each, verdict=_verdict(each, baseline))
        if each in ended and each is not baseline
        else each
        for each in contenders
    ]


def _verdict(contender: Contender, baseline: Contender) -> str:
    sides = [(each.right or 0, each.total - (each.right or 0)) for each in (contender, baseline)]
    if float(fisher_exact(sides).pvalue) >= SURE:
        return "not told apart"
    return "better" if (contender.right or 0) > (baseline.right or 0) else "worse"


def decided(
    device: str, limits: Limits, contenders: Sequence[Contender], remarks: tuple[str, ...]
) -> Recommendation:
    """Choose what is better than `weights-only`; that itself where nothing is seen to be."""
    ordered = sorted(contenders, key=order)
    ended = [each for each in ordered if not each.dropped]
    baseline = next((each for each in ended if each.name == BASELINE), None)
    better = [each for each in ended if each.verdict == "better"]
    choice = better[0] if better else baseline or (ended[0] if ended else None)
    if choice is None:
        return Recommendation(
            None, _nothing(device, limits, ordered), tuple(ordered), device, limits
        )
    rest = [each for each in ordered if each is not choice]
    sentence = f"{_why(choice, baseline, better)} {_told_cost(choice, device)}"
    return Recommendation(choice, sentence, (choice, *rest), device, limits, remarks)


def beside_guessing(found: Recommendation, classes: int) -> Recommendation:
    """Add to the sentence, where it is so, that guessing might do as well."""
    interval = found.choice.interval if found.choice else None
    if interval is None or interval[0] > 100 / classes:
        return found
    told = f"So few are no sign that it is better than guessing among {classes} classes."
    return replace(found, sentence=f"{found.sentence} {told}")


def _why(choice: Contender, baseline: Contender | None, better: Sequence[Contender]) -> str:
    told = f"it recognised {choice.right} of {choice.total} photos"
    if choice is baseline:
        return (
            f"Searching gains nothing here: take {choice.label}; {told}, and no method was seen to "
            "do better, as far as so few can show."
        )
    if baseline is None:
        return (
            f"Take {choice.label}: of what fits, {told}, which none surpassed; {BASELINE} does not "
            "fit, so that nothing tells what its search is worth."
        )
    also = f", as was seen of {len(better)} methods" if len(better) > 1 else ""
    return f"Take {choice.label}: {told}, and {BASELINE} {baseline.right}{also}."


def _told_cost(choice: Contender, device: str) -> str:
    memory = (choice.memory_bytes or 0) / MIB
    time = choice.cost.time
    minutes = f" and about {time.value_s / 60:,.1f} minutes" if time else ""
    return f"It needs {memory:,.1f} MiB{minutes} on {device}."


def _nothing(device: str, limits: Limits, ordered: Sequence[Contender]) -> str:
    known = [each for each in ordered if each.memory_bytes is not None]
    if not known:
        return f"No method can be estimated on {device}: {ordered[0].dropped}."
    least = min(known, key=lambda each: each.memory_bytes or 0)
    need, limit = (least.memory_bytes or 0) / MIB, limits.memory_bytes
    if limit is not None and (least.memory_bytes or 0) > limit:
        return (
            f"Nothing fits: {least.label} needs the least memory, {need:,.1f} MiB, and there are "
            f"{limit / MIB:,.1f} MiB on {device}; try a smaller --size or --channels."
        )
    reasons: Mapping[str, None] = dict.fromkeys(each.dropped for each in ordered)
    return f"No method can be recommended on {device}: {'; '.join(reasons)}."
