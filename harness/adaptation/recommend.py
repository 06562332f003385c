"""Which method to take for photos on a device: what fits is raced, and the choice is rehearsed.

The photos that an adaptation is judged by take no part in the race, which holds out others of the
rest. The rehearsal is the adaptation itself, which is then not run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from harness.adaptation.costs import Limits, costs_of, power_of
from harness.adaptation.decision import (
    Recommendation,
    beside_guessing,
    compared,
    decided,
    with_rehearsal,
    without_rehearsal,
)
from harness.adaptation.race import Contender, Track, race
from harness.adaptation.request import PhotosRequest, Progress, Say, Wishes, open_photos
from harness.contracts import DeployableMethod, Device
from harness.errors import UsageError
from harness.metrics import MIB
from harness.plugins.loading import Plugins
from harness.plugins.registry import ALL
from harness.plugins.selection import Selection, recreate, select, select_usable
from harness.search.parameters import EngineChoice, EngineName

__all__ = ["leaner", "recommend", "rehearse", "usable_methods"]

PARTS = (1, 5)  # of a batch, where a method can take it in parts: fewer are quicker


def recommend(
    plugins: Plugins,
    request: PhotosRequest,
    progress: Progress,
    say: Say,
    wishes: Wishes | None = None,
) -> Recommendation:
    """Say which method to take for photos on a device, and what to expect of it.

    Args:
        plugins: where names are looked up.
        request: the photos, the device and the budget.
        progress: given a number of trials, encloses them with a listener.
        say: reports sentences to the person.
        wishes: what the adaptation may take, and whether the choice is rehearsed.

    Raises:
        UsageError: something that was asked for is wrong, or no time can be told of the device.
        KeyboardInterrupt: Ctrl-C; the same request goes on with what is missing.
    """
    wishes = wishes or Wishes()
    limits = _limits(plugins, request, wishes)
    remarks: list[str] = []

    def remark(sentence: str) -> None:
        remarks.append(sentence)
        say(sentence)

    selections = usable_methods(plugins, remark)
    photos = open_photos(plugins, request, say, "rehearsal")  # what is wrong is said first
    contenders = _estimated(plugins, request, selections, limits, say)
    standing = [each for each in contenders if not each.dropped]
    if standing:
        told = f"{len(standing)} methods on a part of the photos, for about {request.race_s:,.0f} s"
        say(f"racing up to {told}")
        raced = {each.label: each for each in race(plugins, request, standing, progress, say)}
        contenders = [raced.get(each.label, each) for each in contenders]
    found = decided(request.device, limits, compared(contenders), tuple(remarks))
    if wishes.rehearses:
        found = _rehearsed(plugins, request, found, progress, say)
    else:
        found = without_rehearsal(found, request.epochs)
    return beside_guessing(found, photos.splits["test"].classes)


def _rehearsed(
    plugins: Plugins, request: PhotosRequest, found: Recommendation, progress: Progress, say: Say
) -> Recommendation:
    """Run the choice as `adapt` will; where it does not end well, decide without it."""
    while found.choice is not None:
        say(f"running {found.choice.label} with all {request.epochs} epochs")
        rehearsal = rehearse(plugins, request, found.choice, progress, say)
        if not rehearsal.dropped:
            return with_rehearsal(found, rehearsal)
        contenders = compared([rehearsal, *found.contenders[1:]])
        found = decided(found.device, found.limits, contenders, found.remarks)
    return found


def rehearse(
    plugins: Plugins, request: PhotosRequest, choice: Contender, progress: Progress, say: Say
) -> Contender:
    """Run a method once with all epochs and photos, as `adapt` does, which then need not.

    Returns:
        How it has fared on the photos that are held out; it may have failed.

    Raises:
        KeyboardInterrupt: Ctrl-C; the same rehearsal goes on, or is run again.
    """
    (rehearsal,) = Track(plugins, request, 1, progress, say).run([choice], 1, "all")
    return rehearsal


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


def _limits(plugins: Plugins, request: PhotosRequest, wishes: Wishes) -> Limits:
    (selection,) = select(plugins, "device", request.device)
    device: Device = selection.create()
    if wishes.seconds is not None and device.profile.cost is None:
        raise UsageError(
            f"no time can be told of device '{request.device}', which has no cost model; leave out "
            "--time, or see harness devices calibrate"
        )
    power_w = power_of(device.profile)
    if wishes.joules is not None and (power_w is None or device.profile.cost is None):
        lacks = "figure of its power" if power_w is None else "cost model"
        raise UsageError(
            f"no energy can be told of device '{request.device}', whose profile has no {lacks}; "
            "leave out --energy, or give it one in a profile of your own"
        )
    given = None if request.memory_mib is None else int(request.memory_mib * MIB)
    known = [each for each in (given, device.profile.memory_limit_bytes) if each is not None]
    return Limits(min(known, default=None), wishes.seconds, wishes.joules)


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
    known = zip(selections, found, strict=True)
    left = [each for each, made in known if limits.lack_memory(made.cost)]
    others: list[Contender] = []
    for parts in PARTS:
        labels = list(leaner(plugins, left, parts))
        more = estimated(labels)
        fitting = {each.name for each in more if not each.dropped}
        left = [each for each in left if each.name not in fitting]
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


def leaner(plugins: Plugins, methods: Iterable[Selection], parts: int) -> Iterator[str]:
    """Give methods by each engine that saves memory, with batches in so many parts.

    What a method refuses is left out.

    Args:
        plugins: where names are looked up.
        methods: with the parameters that they have now; those are not given again.
        parts: of a batch.
    """
    for each in methods:
        names = get_args(EngineName) if isinstance(each.parameters, EngineChoice) else ()
        engines = [name for name in names if name != "merged"]  # which saves little memory
        changes: list[dict[str, object]] = [{"engine": engine} for engine in engines] or [{}]
        for change in changes:
            in_parts = {"micro_batches": parts} if "micro_batches" in each.params else {}
            changed = {**each.params, **change, **in_parts}
            if changed != each.params and _can_be_made(plugins, each.name, changed):
                yield recreate(plugins, "method", each.name, changed).label


def _can_be_made(plugins: Plugins, name: str, params: Mapping[str, object]) -> bool:
    """Tell whether a method takes these parameters together."""
    try:
        recreate(plugins, "method", name, params).create()
    except UsageError:
        return False
    return True


def _seconds(contender: Contender | None) -> float:
    """Return what to choose among engines by; the first that fits, where no time is predicted."""
    if contender is None:
        return float("inf")
    return contender.cost.time.value_s if contender.cost.time else 0.0
