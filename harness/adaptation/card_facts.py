"""What the card of an adapted model says, in words."""

from __future__ import annotations

from collections.abc import Iterator

from harness import __version__
from harness.adaptation.card import CardFacts
from harness.adaptation.request import AdaptRequest
from harness.contracts import Dataset
from harness.experiment.outcome import Metric
from harness.models.judging import Judgement
from harness.results.record import Record

__all__ = ["accuracy_sentence", "facts_of"]

LIMITS = (
    "Anything where a mistake hurts, costs or excludes someone: it was judged by few photos.",
    "Photos of anything but these classes: it names one of them for every image that it is shown.",
    "Other cameras, light, backgrounds or seasons than those of the photos, until it was judged by "
    "such photos too.",
    "Telling people apart, or anything about a person.",
)


def accuracy_sentence(judgement: Judgement) -> str:
    """Say how many of the photos that were held out are recognised."""
    low, high = judgement.interval
    return (
        f"It recognises {judgement.right} of {judgement.total} photos that it has not learned "
        f"from: {judgement.accuracy:.0f} % (95 % interval: {low:.0f} to {high:.0f} %)."
    )


def facts_of(
    request: AdaptRequest, record: Record, judgement: Judgement, photos: Dataset, shared: int = 0
) -> CardFacts:
    """Return what a card says of a model that was adapted to photos.

    Args:
        request: what was asked for.
        record: of the trial.
        judgement: of the photos that were held out.
        photos: all of them.
        shared: how many that are held out are also among those learned from.
    """
    return CardFacts(
        title=f"A model that tells {_listed(judgement.classes)} apart",
        summary=accuracy_sentence(judgement),
        facts=[*_facts(request, record, judgement, photos), *_warning(shared)],
        judgement=judgement,
        command=request.command,
        limits=LIMITS,
    )


def _facts(
    request: AdaptRequest, record: Record, judgement: Judgement, photos: Dataset
) -> Iterator[tuple[str, str]]:
    supernet = record.metrics.get("supernet_accuracy")
    learned = len(photos.images("train"))
    yield "photos", f"{request.photos.name}: {learned} to learn from, {judgement.total} held out"
    yield "fingerprint of the photos", record.dataset.fingerprint
    yield "what is kept", _kept(request, record)
    if supernet is not None and supernet.value is not None:
        told = f"{supernet.value:.0f} % of the same photos, as the search left it"
        yield (
            "accuracy of the supernet",
            f"{told}; the network that is kept: {judgement.accuracy:.0f} %",
        )
    yield "device", _device(record)
    yield "peak memory", _told(record.metrics["peak_memory"], 1)
    yield "time of the search", _told(record.metrics["search_time"], 0)
    allowed = record.budget.allowed
    finishing = f", the last {allowed.finish_epochs} of the derived network" if supernet else ""
    width = f"; C = {allowed.channels} channels" if record.architecture else ""
    yield "budget", f"{allowed.epochs} epochs{finishing}{width}"
    yield "method", f"{record.label}, {record.method.distribution} {record.method.version}"
    yield "seed", str(record.seed)
    yield "made by", f"onnas-harness {__version__}, {record.ended_at[:10]}"


def _warning(shared: int) -> list[tuple[str, str]]:
    told = "are also among those learned from: the accuracy looks better than it is"
    return [("photos that are there twice", f"{shared} that are held out {told}")] if shared else []


def _kept(request: AdaptRequest, record: Record) -> str:
    if "supernet_accuracy" in record.metrics:
        return "the network derived from the search, with the weights learned in it, and finished"
    if request.keep == "supernet":
        return "the supernet, as it predicts; no derived network was trained"
    return "the network that the method trains"


def _device(record: Record) -> str:
    device = record.device
    limit = device.memory_limit_bytes
    held = f", limit {limit / 2**20:,.0f} MiB" if limit else ", no memory limit"
    if device.mode == "measured":
        return f"{device.name} ({device.model}), this machine{held}"
    return f"{device.name} ({device.model}), emulated: computed on another machine{held}"


def _told(metric: Metric, digits: int) -> str:
    if metric.value is None:
        return "not known, as it cannot be read of an emulated device"
    return f"{metric.value:,.{digits}f} {metric.unit} ({metric.source})"


def _listed(names: tuple[str, ...]) -> str:
    if len(names) > 6:
        return f"{', '.join(names[:5])} and {len(names) - 5} more"
    return f"{', '.join(names[:-1])} and {names[-1]}"
