"""Names, notes, citations and published numbers for pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.comparison.published import PublishedSuite, RowPlace, place_of
from harness.experiment.budget import NAMED_BUDGETS, budget_label, scaled_keys
from harness.metrics import Source
from harness.results.reading import one_line
from harness.results.record import Record
from harness.results.rows import Row

__all__ = [
    "Beside",
    "Loss",
    "beside_of",
    "budget_notes",
    "label_of",
    "setting_of",
    "source_notes",
    "statements_of",
]

SOURCES: dict[Source, str] = {
    "measured": "Filled marks: measured on the device.",
    "emulated": "Hollow marks: emulated; computed on another machine, memory counted and held to "
    "the device's limit.",
    "predicted": "Hollow marks: predicted, from shapes or by the device's cost model; not read "
    "from a device.",
    "tabular": "Hollow marks: looked up in a table of what others have measured.",
}
COSTS = {
    "search_steps": "search steps a task",
    "epochs": "epochs",
    "tasks": "tasks a seed",
    "meta_epochs": "meta-epochs",
    "channels": "channels",
}


MOST_BUDGETS = 4


def label_of(text: str, limit: int = 40) -> str:
    """Shorten a label of a record, so that it fits into a picture."""
    return one_line(text, limit=limit)


def setting_of(what: Row | Record, *, tells_budget: bool = False) -> str:
    """Name the data set and setting, and the budget if there are several."""
    if isinstance(what, Row):
        dataset, record = what.dataset, next(iter(what.records), None)
    else:
        dataset, record = what.dataset.label, what
    name = f"{label_of(dataset)} {what.full_setting}"
    if not tells_budget or record is None:
        return name
    return f"{name}, {budget_label(record.budget.allowed, record.dataset.kind)}"


def source_notes(sources: Iterable[Source]) -> list[str]:
    """Explain filled and hollow marks, as far as they occur."""
    found = set(sources)
    return [words for source, words in SOURCES.items() if source in found]


def budget_notes(records: Sequence[Record], *, in_titles: bool = False) -> list[str]:
    """Say how the budget is scaled from the paper's; no note if it is not.

    Args:
        records: what is drawn.
        in_titles: whether the panels' titles name budgets if there are several.
    """
    used = {(record.budget.allowed, record.dataset.kind): None for record in records}
    if len({budget for budget, _ in used}) > 1:
        if in_titles:
            return ["Several budgets: titles of panels say which."]
        named = dict.fromkeys(budget_label(budget, kind) for budget, kind in used)
        shown = [*list(named)[:MOST_BUDGETS], *(["..."] if len(named) > MOST_BUDGETS else [])]
        return [f"Several budgets: {'; '.join(shown)}."]
    scaled = {
        f"{ours:,.10g} {COSTS[key]} (paper: {paper:,.10g})": None
        for budget, kind in used
        for key, (ours, paper) in scaled_keys(budget, NAMED_BUDGETS["paper"], kind).items()
        if key in COSTS
    }
    return [f"Scaled budget: {', '.join(scaled)}."] if scaled else []


@dataclass(frozen=True)
class Loss:
    """A published evaluation loss, as it was printed, and where on its curve it is."""

    name: str  # of the method
    value: float  # nats
    printed: str
    where: str


@dataclass(frozen=True)
class Beside:
    """What suites say about rows, by their place.

    Attributes:
        stand_ins: for the label of a data set, the suite's data set that it took the place of.
        names: what a suite calls a method on one of its data sets.
        memory: published MiB of peak memory.
        losses: published losses of its pretraining.
    """

    stand_ins: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    memory: Mapping[RowPlace, float] = field(default_factory=dict)
    losses: Mapping[RowPlace, Sequence[Loss]] = field(default_factory=dict)

    def name_at(self, place: RowPlace) -> str | None:
        """Return what a suite calls the method of a row; None if no suite has a name for it."""
        return self.names.get((place.method, place.dataset))

    def name_of(self, record: Record) -> str:
        """Return what its suite calls a record's method, else its label."""
        return self.name_at(place_of(record, self.stand_ins)) or label_of(record.label)

    def losses_beside(self, record: Record) -> Iterator[Loss]:
        """Give the losses of all methods that were published of a record's setting."""
        own = place_of(record, self.stand_ins)
        for place, losses in self.losses.items():
            if (place.dataset, place.setting) == (own.dataset, own.setting):
                yield from losses


def beside_of(suites: Sequence[PublishedSuite], stand_ins: Mapping[str, str]) -> Beside:
    """Gather what suites say; if several are about one row, the first counts."""
    rows = [(suite, place, row) for suite in reversed(suites) for place, row in suite.rows]
    names = {
        (method, dataset): label_of(words)
        for suite in reversed(suites)
        for method, words in suite.labels.items()
        for dataset in suite.budgets
    }
    return Beside(
        stand_ins=stand_ins,
        names=names,
        memory={
            place: memory
            for suite, place, row in rows
            if (memory := suite.published.numbers_of(row, "peak_memory")[0]) is not None
        },
        losses={
            place: [
                Loss(names.get((place.method, place.dataset)) or label_of(place.method), *loss)
                for loss in suite.published.losses_of(row)
            ]
            for suite, place, row in rows
            if suite.published.losses
        },
    )


def statements_of(suites: Iterable[PublishedSuite], *, of_losses: bool = False) -> Iterator[str]:
    """Cite the suites whose memory or losses are drawn, with their notes on these numbers."""
    for suite in suites:
        if suite.published.losses if of_losses else suite.published.memory:
            yield f"Published: {suite.published.source}."
            yield from (note.text for note in suite.published.notes)
