"""What suites have of the trials that are drawn: published numbers, and short names for methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.report.pictures.points import label_of
from harness.report.suites import Place, PublishedSuite, place_of
from harness.results.record import Record

__all__ = ["Beside", "Loss", "beside_of", "statements_of"]


@dataclass(frozen=True)
class Loss:
    """A published evaluation loss, as it was printed, and where on its curve it is."""

    name: str  # of the method
    value: float  # nats
    printed: str
    where: str


@dataclass(frozen=True)
class Beside:
    """What is known of a row, by its place.

    Attributes:
        stand_ins: for the label of a data set, the suite's data set that it was run in place of.
        names: what a suite calls a method on one of its data sets.
        memory: published MiB of peak memory.
        losses: published losses of its pretraining.
    """

    stand_ins: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    memory: Mapping[Place, float] = field(default_factory=dict)
    losses: Mapping[Place, Sequence[Loss]] = field(default_factory=dict)

    def name_at(self, place: Place) -> str | None:
        """Return what a suite calls the method of a row; None where none does."""
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
    """Gather what suites say; of two that say something of one row, the first is heard."""
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
            if (memory := suite.published.memory_of(row)) is not None
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
    """Cite the suites whose memory or losses are drawn, and say what is known against these."""
    for suite in suites:
        if suite.published.losses if of_losses else suite.published.memory:
            yield f"Published: {suite.published.source}."
            yield from (note.text for note in suite.published.notes)
