"""The card of a model: what it is, how good, what it cost, and what it must not be used for."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from harness import __version__
from harness.adaptation.request import AdaptRequest
from harness.contracts import Dataset
from harness.experiment.outcome import Metric
from harness.models.judging import Judgement
from harness.reports.formats import escaped_markdown
from harness.results.record import Record
from harness.system.text import rounded

__all__ = [
    "CardFacts",
    "accuracy_sentence",
    "card_files",
    "facts_of",
    "supernet_sentence",
]


LIMITS = (
    "Anything where a mistake hurts, costs or excludes someone: it was judged by few photos.",
    "Photos of anything but these classes: it names one of them for every image that it is shown.",
    "Other cameras, light, backgrounds or seasons than those of the photos, until it was judged by "
    "such photos too.",
    "Telling people apart, or anything about a person.",
)


DERIVED = "the network derived from the search, with the weights learned in it, and finished"
TRAINED = "the network that the method trains, as it predicts; none was derived from it"


@dataclass(frozen=True)
class CardFacts:
    """What a card says, in words and numbers that were measured.

    Attributes:
        title: what the model tells apart.
        summary: one sentence on how good it is.
        facts: pairs of a word and what is to be said of it.
        judgement: of the photos that nothing learned from.
        command: what made it.
        limits: sentences on what it must not be used for.
    """

    title: str
    summary: str
    facts: Sequence[tuple[str, str]]
    judgement: Judgement
    command: str
    limits: Sequence[str]


def card_files(facts: CardFacts) -> dict[str, bytes]:
    """Return the card as `card.md` and `card.html`; what people named is escaped in both."""
    return {
        "card.md": _filled("card.md", facts).encode(),
        "card.html": _filled("card.html", facts).encode(),
    }


def _filled(name: str, facts: CardFacts) -> str:
    environment = Environment(
        loader=PackageLoader("harness.adaptation"),
        autoescape=select_autoescape(["html"]),  # Markdown has other rules, see the filter
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escaped_markdown
    environment.filters["percent"] = lambda value: "–" if value is None else f"{value:.0f} %"
    environment.filters["data_url"] = _data_url
    return environment.get_template(name).render(card=facts, judged=facts.judgement)


def _data_url(png: bytes) -> Markup:
    return Markup("data:image/png;base64,") + b64encode(png).decode()


def accuracy_sentence(judgement: Judgement) -> str:
    """Say how many of the photos that were held out are recognised."""
    low, high = judgement.interval
    return (
        f"It recognises {judgement.right} of {judgement.total} photos that it has not learned "
        f"from: {judgement.accuracy:.0f} % (95 % interval: {low:.0f} to {high:.0f} %)."
    )


def supernet_is_better(record: Record, judgement: Judgement) -> bool:
    """Tell whether the supernet was better, beyond the interval of the network that is kept."""
    supernet = record.metrics.get("supernet_accuracy")
    value = None if supernet is None else supernet.value
    return value is not None and value > judgement.interval[1]


def supernet_sentence(record: Record, judgement: Judgement) -> str:
    """Say how the supernet fared beside the network that is kept; empty where nothing is derived.

    What lies within the interval of the network that is kept is no clear difference.
    """
    supernet = record.metrics.get("supernet_accuracy")
    if supernet is None or supernet.value is None:
        return ""
    told = (
        f"As the search left it, the supernet recognised {supernet.value:.0f} % of the same photos"
    )
    if supernet_is_better(record, judgement):
        return (
            f"{told}: clearly more than the {judgement.accuracy:.0f} % of the network that is "
            "kept. --keep supernet keeps it instead."
        )
    is_worse = supernet.value < judgement.interval[0]
    difference = "clearly less than" if is_worse else "no clear difference from"
    return f"{told}: {difference} the {judgement.accuracy:.0f} % of the network that is kept."


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
    summary = accuracy_sentence(judgement)
    if supernet_is_better(record, judgement):
        summary += f" {supernet_sentence(record, judgement)}"
    return CardFacts(
        title=f"A model that tells {_listed(judgement.classes)} apart",
        summary=summary,
        facts=[*_facts(request, record, judgement, photos), *_warning(shared)],
        judgement=judgement,
        command=request.command,
        limits=LIMITS,
    )


def _facts(
    request: AdaptRequest, record: Record, judgement: Judgement, photos: Dataset
) -> Iterator[tuple[str, str]]:
    learned = len(photos.images("train"))
    yield "photos", f"{request.photos.name}: {learned} to learn from, {judgement.total} held out"
    yield "fingerprint of the photos", record.dataset.fingerprint
    yield "what is kept", DERIVED if "supernet_accuracy" in record.metrics else TRAINED
    if beside := supernet_sentence(record, judgement):
        yield "accuracy of the supernet", beside
    yield "device", _device(record)
    yield "peak memory", _told(record.metrics["peak_memory"], 1)
    yield "time of the search", _told(record.metrics["search_time"], 0)
    allowed = record.budget.allowed
    finishing = f", the last {allowed.finish_epochs} of the derived network" if beside else ""
    width = f"; C = {allowed.channels} channels" if record.architecture else ""
    yield "budget", f"{allowed.epochs} epochs{finishing}{width}"
    yield "method", f"{record.label}, {record.method.distribution} {record.method.version}"
    yield "seed", str(record.seed)
    yield "made by", f"onnas-harness {__version__}, {record.ended_at[:10]}"


def _warning(shared: int) -> list[tuple[str, str]]:
    told = "are also among those learned from: the accuracy looks better than it is"
    return [("photos that are there twice", f"{shared} that are held out {told}")] if shared else []


def _device(record: Record) -> str:
    device = record.device
    limit = device.memory_limit_bytes
    held = f", limit {limit / 2**20:,.0f} MiB" if limit else ", no memory limit"
    if device.mode == "measured":
        return f"{device.name} ({device.model}), on the device itself{held}"
    return f"{device.name} ({device.model}), emulated: computed on another machine{held}"


def _told(metric: Metric, digits: int) -> str:
    if metric.value is None:
        return "not known, as it cannot be read of an emulated device"
    return f"{rounded(metric.value, digits)} {metric.unit} ({metric.source})"


def _listed(names: tuple[str, ...]) -> str:
    if len(names) > 6:
        return f"{', '.join(names[:5])} and {len(names) - 5} more"
    return f"{', '.join(names[:-1])} and {names[-1]}"
