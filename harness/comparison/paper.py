"""Compares runs and estimates with the published numbers of their suite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from harness.comparison.published import PublishedSuite, RowPlace, find_published, load_published
from harness.errors import UsageError
from harness.experiment.budget import scaled_sentence
from harness.experiment.published import PublishedRow
from harness.metrics import METRICS, MetricSpec, Source
from harness.plugins.loading import Plugins
from harness.results.results import Results
from harness.results.rows import Row, told_of

__all__ = ["PaperComparison", "PaperLine", "compare_with", "compare_with_paper"]

Devices = Mapping[str, Row]  # by device
Scaled = Mapping[str, tuple[float, float]]  # by key of a budget: ours, and the published value


@dataclass(frozen=True)
class PaperLine:
    """One published number, or X, beside ours.

    Attributes:
        device: of a time, the device; else the one that our number is from. Empty if there is no
            number of ours.
        stand_in: the data set of our number, if it is not the published one.
        fits: whether our device held it.
        published_fits: whether it was published to fit; None if that is not known.
        low: if our number is a prediction, the lower end of its band or range.
        interval: half-width of the 95 % interval of ours.
        published_std: the published deviation over seeds.
        chance: the accuracy of guessing among the classes; None if their number is not known.
    """

    metric: MetricSpec
    place: RowPlace
    device: str
    stand_in: str | None
    ours: float | None
    source: Source | None
    published: float | None
    fits: bool | None = None
    published_fits: bool | None = None
    low: float | None = None
    high: float | None = None
    interval: float | None = None
    published_std: float | None = None
    chance: float | None = None

    @property
    def relative(self) -> float | None:
        """The difference as a fraction of the published number."""
        if self.ours is None or not self.published:
            return None
        return (self.ours - self.published) / abs(self.published)

    @property
    def fit_agrees(self) -> bool | None:
        """Whether both fit or both do not; None where one is not known."""
        known = None not in (self.fits, self.published_fits)
        return self.fits is self.published_fits if known else None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "metric": self.metric.short,
            "unit": self.metric.unit,
            "method": self.place.method,
            "dataset": self.place.dataset,
            "stand_in": self.stand_in,
            "setting": self.place.setting,
            "device": self.device or None,
            "ours": {
                "value": self.ours,
                "source": self.source,
                "fits": self.fits,
                "low": self.low,
                "high": self.high,
            },
            "published": {"value": self.published, "fits": self.published_fits},
            "relative": self.relative,
        }


@dataclass(frozen=True)
class PaperComparison:
    """All published numbers of a suite.

    Attributes:
        remarks: what every reader has to know: what was scaled, and gaps and contradictions of the
            paper.
        others: rows of ours that were not published.
        scaled: the keys in which our budgets differ from the published one.
    """

    suite: PublishedSuite
    lines: tuple[PaperLine, ...]
    remarks: tuple[str, ...]
    others: tuple[Row, ...]
    scaled: tuple[Scaled, ...] = ()

    def lines_of(self, metric: str, device: str | None) -> list[PaperLine]:
        """Return the lines of a metric, by its short name; of time, those of one device."""
        own = [line for line in self.lines if line.metric.short == metric]
        return [line for line in own if device in (None, line.device)]

    def summary(self, metric: str, device: str | None = None) -> dict[str, Any]:
        """Return how far off we are in one metric, of time on one device.

        The relative differences are fractions; `fits_agree` of `fits_known` are the rows where
        both devices hold it, or neither does.
        """
        lines = self.lines_of(metric, device)
        off = [abs(line.relative) for line in lines if line.relative is not None]
        agree = [line.fit_agrees for line in lines if line.fit_agrees is not None]
        return {
            "published": sum(line.published is not None for line in lines),
            "compared": len(off),
            "mean_absolute_relative": fmean(off) if off else None,
            "largest_absolute_relative": max(off, default=None),
            "fits_known": len(agree),
            "fits_agree": sum(agree),
        }

    @property
    def sections(self) -> list[tuple[str, str | None]]:
        """The metrics that have numbers; time once for each device."""
        found = [
            (line.metric.short, line.device if line.metric.short == "time" else None)
            for line in self.lines
        ]
        return list(dict.fromkeys(found))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "suite": self.suite.name,
            "source": self.suite.published.source,
            "rows": [line.to_json() for line in self.lines],
            "summary": [
                {"metric": metric, "device": device, **self.summary(metric, device)}
                for metric, device in self.sections
            ],
            "remarks": list(self.remarks),
            "not_published": list(map(str, self.others)),
        }


def compare_with_paper(
    results: Results, plugins: Plugins, suite: str | None = None
) -> list[PaperComparison]:
    """Compare results with the published numbers of suites.

    Args:
        results: what was loaded.
        plugins: where suites are registered.
        suite: whose numbers; None: those of the suites that the runs came from.

    Raises:
        UsageError: no suite with published numbers is known, or a row was run in several ways.
    """
    if suite is not None:
        found = [load_published(suite, plugins)]
    else:
        found = find_published(results.suites, plugins)
    if not found:
        raise UsageError(
            "no published numbers are known for what was run; say whose to take with --suite, by "
            "name or as a file"
        )
    rows = results.final_rows
    return [_compare(each, rows, results.stand_ins) for each in found]


def compare_with(
    suite: PublishedSuite, rows: Sequence[Row], stand_ins: Mapping[str, str]
) -> Iterator[PaperComparison]:
    """Return a comparison for each scaled budget and mode that has published rows.

    Data sets with a budget or conditions of their own share one comparison; if one setting was run
    under several conditions, each has a comparison of its own, and so has what was run again.
    """
    ways: dict[object, list[Row]] = {}
    taken: Counter[object] = Counter()
    settings: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        met = settings.setdefault((row.dataset, row.setting), {})
        dataset = stand_ins.get(row.dataset, row.dataset)
        theirs = suite.used_keys(dataset, row.kind)
        scaled = sorted(item for item in row.budget.items() if theirs.get(item[0]) != item[1])
        way = (row.mode, met.setdefault(row.conditions, len(met)), tuple(scaled))
        place = (way, row.method, dataset, row.setting, row.device)
        ways.setdefault((way, taken[place]), []).append(row)
        taken[place] += 1
    for own in ways.values():
        compared = _compare(suite, own, stand_ins)
        if any(line.ours is not None or line.fits is not None for line in compared.lines):
            yield compared


def _compare(
    suite: PublishedSuite, sides: Sequence[Row], stand_ins: Mapping[str, str]
) -> PaperComparison:
    by_place = _by_place(sides, stand_ins)
    lines, met = [], []
    for place, row in suite.rows:
        ours = by_place.pop(place, {})
        met += list(ours.values())
        lines += list(_lines(suite, place, row, ours))
    others = [side for devices in by_place.values() for side in devices.values()]
    scaled = tuple(differs for side in met if (differs := _scaled(side, suite, stand_ins)))
    told = tuple(_remarks(suite, met, scaled))
    return PaperComparison(suite, tuple(lines), told, tuple(others), scaled)


def _by_place(sides: Sequence[Row], stand_ins: Mapping[str, str]) -> dict[RowPlace, dict[str, Row]]:
    found: dict[RowPlace, dict[str, Row]] = {}
    for side in sides:
        dataset = stand_ins.get(side.dataset, side.dataset)
        devices = found.setdefault(RowPlace(side.method, dataset, side.setting), {})
        if side.device in devices:
            raise UsageError(
                f"{side} was run or estimated again, or under several budgets, conditions or "
                "modes; give a folder that has one of them"
            )
        devices[side.device] = side
    return found


def _lines(
    suite: PublishedSuite, place: RowPlace, row: PublishedRow, ours: Devices
) -> Iterator[PaperLine]:
    published, classes = suite.published, row.ways or suite.classes.get(place.dataset)
    for name in ("peak_memory", "accuracy", "storage"):
        if name in published.columns:
            number, std = published.numbers_of(row, name)
            side = told_of(list(ours.values()), METRICS[name])
            line = _line(name, place, side, number)
            chance = 100 / classes if classes and name == "accuracy" else None
            yield replace(line, published_std=std, chance=chance)
    for device in published.times:
        side = ours.get(device)
        number = published.seconds_of(row, device)
        ran = False if published.is_unfit(row, device) else None if number is None else True
        line = _line("search_time", place, side, number, device)
        yield replace(line, fits=side.fits if side else None, published_fits=ran)


def _line(
    metric: str, place: RowPlace, side: Row | None, published: float | None, device: str = ""
) -> PaperLine:
    found = side.held(metric) if side else None
    return PaperLine(
        metric=METRICS[metric],
        place=place,
        device=device or (side.device if side else ""),
        stand_in=side.dataset if side and side.dataset != place.dataset else None,
        ours=found.value if found else None,
        source=found.source if found else None,
        published=published,
        low=found.low if found else None,
        high=found.high if found else None,
        interval=found.interval if found and found.metric.shows_spread else None,
    )


def _remarks(suite: PublishedSuite, ours: Sequence[Row], scaled: Sequence[Scaled]) -> Iterator[str]:
    """Return remarks: what is scaled, which data sets stand in, notes on published numbers."""
    if scaled:
        yield scaled_sentence(scaled)
    datasets = {place.dataset for place, _ in suite.rows}
    others = sorted({side.dataset for side in ours} - datasets)
    if others:
        yield (
            f"{' and '.join(others)} stands in for a published data set: memory and time compare "
            "where images have the same size, accuracy does not."
        )
    for each in ours:
        yield from (f"{each.method}: {said}." for said in (*each.faults, *each.left_out))
    for note in suite.published.notes:
        about = ", ".join(f"{key} {value}" for key, value in note.where.items())
        yield f"{about}: {note.text}" if about else note.text


def _scaled(side: Row, suite: PublishedSuite, stand_ins: Mapping[str, str]) -> Scaled:
    """Return the keys in which a budget differs from the published one, with both values."""
    theirs = suite.used_keys(stand_ins.get(side.dataset, side.dataset), side.kind)
    return {
        key: (value, theirs[key])
        for key, value in side.budget.items()
        if key in theirs and value != theirs[key]
    }
