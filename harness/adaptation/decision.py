"""What to take of methods that have raced, what it costs, and what to expect of another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any

from pydantic import TypeAdapter
from scipy.stats import fisher_exact  # type: ignore[import-untyped]

from harness.adaptation.costs import Cost, Limits
from harness.adaptation.race import BASELINE, Contender, order
from harness.cost_model.profile import Prediction
from harness.metrics import MIB
from harness.models.judging import another_run
from harness.system.text import rounded

__all__ = [
    "Recommendation",
    "beside_guessing",
    "compared",
    "decided",
    "with_rehearsal",
    "without_rehearsal",
]

SURE = 0.05  # chance that two methods of one accuracy would differ so much
MOST_PHOTOS = 10**6  # to be judged by, of what another machine says


@dataclass(frozen=True)
class Recommendation:
    """What to take, why, and what else there was.

    Attributes:
        choice: the method to take; None: nothing fits.
        reasons: sentences on what to take and why, and on what it costs.
        contenders: the choice, then the others, the best first; those that do not fit last.
        device: its name.
        limits: that all were held to.
        remarks: sentences besides, such as on methods that were left out.
        rehearsal: the choice, run once with all epochs, and judged by photos that neither it nor
            the race had seen; None where it was left out.
        outlook: sentences on what to expect of a run.
    """

    choice: Contender | None
    reasons: tuple[str, ...]
    contenders: tuple[Contender, ...]
    device: str
    limits: Limits
    remarks: tuple[str, ...] = ()
    rehearsal: Contender | None = None
    outlook: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """All sentences as one text."""
        return " ".join((*self.reasons, *self.outlook))

    @property
    def expected(self) -> tuple[float, float] | None:
        """Between which percentages the accuracy of another run is expected, see `another_run`."""
        known = self.rehearsal
        return None if known is None else another_run(known.right or 0, known.total)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "recommended": self.choice.label if self.choice else None,
            "sentence": self.sentence,
            "device": self.device,
            "limits": asdict(self.limits),
            "methods": [each.to_json() for each in self.contenders],
            "rehearsal": self._rehearsal_json(),
            "remarks": list(self.remarks),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Recommendation:
        """Read what `to_json` has given.

        Raises:
            ValueError, LookupError, TypeError: it is something else.
        """
        contenders = tuple(_contender_of(each) for each in told["methods"])
        choice = None if told["recommended"] is None else contenders[0]
        known = told["rehearsal"]
        rehearsal = choice and known and _fared(choice, known)
        reasons, remarks = (told["sentence"],), tuple(told["remarks"])
        limits = Limits(**told["limits"])
        found = cls(choice, reasons, contenders, told["device"], limits, remarks, rehearsal)
        return TypeAdapter(cls).validate_python(asdict(found))

    def _rehearsal_json(self) -> dict[str, Any] | None:
        known, expected = self.rehearsal, self.expected
        if known is None or expected is None:
            return None
        low, high = expected
        return {
            "right": known.right,
            "photos": known.total,
            "epochs": known.epochs,
            "accuracy": {"value": known.accuracy, "unit": "%"},
            "another_run": {"low": low, "high": high, "unit": "%", "source": "predicted"},
        }


def _contender_of(told: Mapping[str, Any]) -> Contender:
    time, energy = (
        Prediction(each["value"], each["low"], each["high"]) if each["value"] else None
        for each in (told["search_time"], told["energy"])
    )
    power_w = energy.value_s / time.value_s if energy and time else None
    sizes = told["peak_memory_bytes"], told["storage_bytes"]
    cost = Cost(told["method"], *sizes, time, power_w=power_w)
    verdict, dropped = (told[name] or "" for name in ("verdict", "dropped"))
    return _fared(Contender(cost, verdict=verdict, dropped=dropped), told)


def _fared(contender: Contender, told: Mapping[str, Any]) -> Contender:
    right, total = told["right"], told["photos"]
    if not 0 <= (right or 0) <= total <= MOST_PHOTOS:
        raise ValueError(f"{right} of {total} photos cannot be right")
    return replace(contender, right=right, total=total, epochs=told["epochs"])


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
        told = _nothing(device, limits, ordered)
        return Recommendation(None, (told,), tuple(ordered), device, limits, remarks)
    rest = [each for each in ordered if each is not choice]
    reasons = _why(choice, baseline, better), _told_cost(choice, device, limits)
    return Recommendation(choice, reasons, (choice, *rest), device, limits, remarks)


def with_rehearsal(found: Recommendation, rehearsal: Contender) -> Recommendation:
    """Add what the choice has come to with all epochs, and what to expect of another run."""
    if found.choice is None:
        return found
    low, high = another_run(rehearsal.right or 0, rehearsal.total)
    told = (
        f"Rehearsed with all {rehearsal.epochs} epochs, it recognised {rehearsal.right} of "
        f"{rehearsal.total} photos that nothing had learned from: {rehearsal.accuracy:.0f} %.",
        f"Expect {low:.0f} to {high:.0f} % of another run, which holds out other photos (95 % "
        "prediction interval); what another seed adds to that, one rehearsal cannot show.",
    )
    choice = replace(found.choice, counted_bytes=rehearsal.counted_bytes)
    return replace(
        found,
        choice=choice,
        contenders=(choice, *found.contenders[1:]),
        rehearsal=rehearsal,
        outlook=told,
    )


def without_rehearsal(found: Recommendation, epochs: int) -> Recommendation:
    """Add that nothing is known of a run with all epochs."""
    if found.choice is None:
        return found
    told = (
        f"Its accuracy is that of a race, after {found.choice.epochs} of {epochs} epochs: no "
        "forecast of the whole run, which was not rehearsed."
    )
    return replace(found, outlook=(*found.outlook, told))


def beside_guessing(found: Recommendation, classes: int) -> Recommendation:
    """Add to the sentence, where it is so, that guessing might do as well."""
    judged = found.rehearsal or found.choice
    interval = judged.interval if judged else None
    if interval is None or interval[0] > 100 / classes:
        return found
    told = (
        f"So few right answers are no sign that it is better than guessing among {classes} classes."
    )
    return replace(found, outlook=(*found.outlook, told))


def _why(choice: Contender, baseline: Contender | None, better: Sequence[Contender]) -> str:
    told = f"after {choice.epochs} epochs it recognised {choice.right} of {choice.total} photos"
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


def _told_cost(choice: Contender, device: str, limits: Limits) -> str:
    time, energy = choice.cost.time, choice.cost.energy_j
    needs = [f"{rounded((choice.memory_bytes or 0) / MIB)} MiB"]
    if time:
        needs.append(f"about {rounded(time.value_s / 60)} minutes")
    if energy and limits.joules is not None:
        needs.append(f"about {energy.value_s:,.0f} J")
    return f"It needs {_listed(needs)} on {device}."


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _nothing(device: str, limits: Limits, ordered: Sequence[Contender]) -> str:
    known = [each for each in ordered if each.memory_bytes is not None]
    if not known:
        return f"No method can be estimated on {device}: {ordered[0].dropped}."
    least = min(known, key=lambda each: each.memory_bytes or 0)
    need, limit = (least.memory_bytes or 0) / MIB, limits.memory_bytes
    if limit is not None and (least.memory_bytes or 0) > limit:
        return (
            f"Nothing fits: {least.label} needs the least memory, {rounded(need)} MiB, and there "
            f"are {rounded(limit / MIB)} MiB on {device}; try a smaller --size or --channels."
        )
    slow = [each for each in known if not limits.lack_memory(each.cost)]
    if slow and all(limits.fault(each.cost) for each in slow):
        return _too_slow(device, limits, slow)
    reasons: Mapping[str, None] = dict.fromkeys(each.dropped for each in ordered)
    return f"No method can be recommended on {device}: {'; '.join(reasons)}."


def _too_slow(device: str, limits: Limits, slow: Sequence[Contender]) -> str:
    times = {each.label: each.cost.time for each in slow}
    minutes = {label: time.high_s / 60 for label, time in times.items() if time is not None}
    quickest = min(slow, key=lambda each: minutes.get(each.label, inf))
    energy = quickest.cost.energy_j if limits.joules is not None else None
    joules = f" and {energy.high_s:,.0f} J" if energy else ""
    return (
        f"Nothing fits: {quickest.label} is the quickest, and may take up to "
        f"{rounded(minutes[quickest.label])} minutes{joules} on {device}; try fewer --epochs, or "
        "a smaller --size or --channels."
    )
