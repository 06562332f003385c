"""Loads suites with published numbers, by the names that runs and estimates give for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.contracts import DescribedProvider
from harness.errors import HarnessError, UsageError
from harness.experiment.budget import Budget, parse_budget, used_keys
from harness.experiment.published import Published, PublishedRow, read_published
from harness.experiment.suite import load_suite
from harness.planning.plan import find_suite
from harness.plugins.loading import Plugins
from harness.plugins.registry import Kind
from harness.plugins.selection import select
from harness.results.record import Record, setting_name

__all__ = [
    "PublishedSuite",
    "RowPlace",
    "find_published",
    "load_published",
    "place_of",
]


@dataclass(frozen=True)
class RowPlace:
    """What identifies a published row, and the row of ours that belongs beside it."""

    method: str
    dataset: str
    setting: str


@dataclass(frozen=True)
class PublishedSuite:
    """A suite's published numbers, each row with its place.

    Attributes:
        name: as it was given.
        budgets: for each data set of the suite, what its published numbers were made with.
        labels: what pictures call a method, by the method's label.
        classes: the number of classes of each data set that is a full task, if it is known.
    """

    name: str
    title: str
    published: Published
    rows: tuple[tuple[RowPlace, PublishedRow], ...]
    budgets: Mapping[str, Budget]
    labels: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_numbers(self) -> bool:
        """Whether there are numbers to compare with ours; a published curve has only notes."""
        told = self.published
        return any((told.memory, told.storage, told.accuracy, told.times))

    def used_keys(self, dataset: str, kind: str) -> dict[str, float]:
        """Return what the published numbers of a data set were made with, as its tasks use it."""
        return used_keys(self.budgets.get(dataset, next(iter(self.budgets.values()))), kind)

    @property
    def statements(self) -> list[str]:
        """Where the numbers are from, and what is to be said of all of them."""
        general = [note.text for note in self.published.notes if not note.where]
        return [f"Published: {self.published.source.rstrip('.')}.", *general]


def find_published(
    names: Iterable[str], plugins: Plugins, complain: Callable[[str], None] = lambda _: None
) -> list[PublishedSuite]:
    """Return those of the suites that are registered and have published numbers.

    A path is passed over: it comes from a plan that may be a stranger's, and is not opened for it.
    A suite that cannot be read is left out, and `complain` is called with the reason.
    """
    known = plugins.registry.names("suite")
    found = []
    for name in dict.fromkeys(names):
        try:
            if name in known and load_suite(find_suite(plugins, name)).published is not None:
                found.append(load_published(name, plugins))
        except HarnessError as error:
            complain(f"published numbers of suite '{name}' are left out: {error}")
    return found


def load_published(name: str, plugins: Plugins) -> PublishedSuite:
    """Return the published numbers of a suite that a person names, or gives as a path.

    Raises:
        UsageError: there is no such suite, it cannot be read, or has no published numbers.
    """
    path = find_suite(plugins, name)
    suite = load_suite(path)
    if suite.published is None:
        raise UsageError(f"suite {name} has no published numbers")
    rows = read_published(suite.published, path)
    return PublishedSuite(
        name=Path(name).stem,
        title=suite.title or name,
        published=suite.published,
        rows=tuple((_place(row, plugins), row) for row in rows),
        budgets={
            _label(plugins, "dataset", dataset): parse_budget(entry.budget)
            for entry in suite.trials
            for dataset in entry.datasets
        },
        labels={
            _label(plugins, "method", method): words
            for method, words in suite.published.labels.items()
        },
        classes=dict(_classes(plugins, {row.dataset for row in rows if row.ways is None})),
    )


def _classes(plugins: Plugins, datasets: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Give the classes of data sets whose providers know them without the data."""
    for dataset in datasets:
        with suppress(HarnessError):
            selection = select(plugins, "dataset", dataset)[0]
            provider = selection.create()
            form = provider.form() if isinstance(provider, DescribedProvider) else None
            if form is not None and form.classes:
                yield selection.label, form.classes


def place_of(record: Record, stand_ins: Mapping[str, str]) -> RowPlace:
    """Return the place of a record; `stand_ins` maps a data set to the suite's that it replaces."""
    data = record.dataset
    name = stand_ins.get(data.label, data.label)
    return RowPlace(record.label, name, data.setting)


def _place(row: PublishedRow, plugins: Plugins) -> RowPlace:
    return RowPlace(
        method=_label(plugins, "method", row.method),
        dataset=_label(plugins, "dataset", row.dataset),
        setting=setting_name(row.ways, row.shots),
    )


def _label(plugins: Plugins, kind: Kind, text: str) -> str:
    """Write a choice as records do: parameters at their defaults are not part of a label."""
    try:
        return select(plugins, kind, text)[0].label
    except HarnessError:  # what a plugin that is not there once offered keeps its published name
        return text
