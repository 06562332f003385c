"""Evidence: rows of runs and estimates by which claims are judged, findings, and verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness.canonical import canonical_json
from harness.claims.claim import Claim, PublishedValue
from harness.experiment.budget import parse_budget, scaled_keys, used_keys
from harness.experiment.setting import FewShotSetting, conditions_of
from harness.experiment.suite import SuiteEntry
from harness.plugins.loading import Plugins
from harness.plugins.selection import Selection, select
from harness.results.results import Results
from harness.results.rows import Row

__all__ = ["VERDICTS", "ClaimVerdict", "Evidence", "Finding", "Match", "Mode", "judge", "reason_of"]


ClaimVerdict = Literal["holds", "does not hold", "not shown either way", "not checkable here"]
VERDICTS: dict[ClaimVerdict, str] = {
    "holds": "all of our range or interval agrees with the claim",
    "does not hold": "none of it does",
    "not shown either way": "some of it does, or there is nothing yet that could decide",
    "not checkable here": "nothing that could be run here decides it",
}

Mode = Literal["counted", "predicted", "measured", "emulated", "tabular"]


@dataclass(frozen=True)
class Finding:
    """Our number for a claim, and what it rests on.

    Attributes:
        value: in the unit of the claim; None if there is none.
        low: lower end of its range or 95 % interval; None if none can be given.
        high: its upper end.
        mode: whether the number is counted, measured, emulated, predicted, or from a table.
        setting: its data set, setting and device.
        budget: of its trials, as people type it; empty if nothing was run.
        records: folders of the trials that it rests on.
        told: what the number is made of, in words.
        undecided: why it decides nothing, whatever it is; empty if it decides.
        unknowable: why no number of ours could decide the claim; empty if one could.
        differs: how the setting differs from the published one.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    mode: Mode | None = None
    setting: str = ""
    budget: str = ""
    records: tuple[str, ...] = ()
    told: str = ""
    undecided: str = ""
    unknowable: str = ""
    differs: tuple[str, ...] = ()


def judge(published: PublishedValue, finding: Finding) -> ClaimVerdict:
    """Return the verdict on a claim.

    The claim holds if our whole range or interval is within what the claim accepts, including its
    tolerance; it does not hold if no part of it is.
    """
    if finding.unknowable:
        return "not checkable here"
    if finding.undecided or finding.low is None or finding.high is None:
        return "not shown either way"
    lowest, highest = published.accepted
    if lowest <= finding.low and finding.high <= highest:
        return "holds"
    if finding.high < lowest or highest < finding.low:
        return "does not hold"
    return "not shown either way"


def reason_of(finding: Finding) -> str:
    """Return sentences that say what a verdict rests on."""
    return " ".join(_sentences(finding))


def _sentences(finding: Finding) -> Iterator[str]:
    for text in (finding.unknowable, finding.told, finding.undecided):
        if text:
            yield f"{text.rstrip('.')}."
    has_interval = finding.low is not None and finding.high is not None
    if finding.value is not None and not has_interval and not finding.undecided:
        yield "No interval can be given."
    if finding.differs:
        yield f"Not as published, which is in brackets: {'; '.join(finding.differs)}."


@dataclass(frozen=True)
class Match:
    """A row for each method of a claim, side by side.

    Attributes:
        rows: in the order in which the claim's check names the methods.
        block: the number of the claim's setting that they belong to; 0 is the published one.
        differs: how they differ from what was published, in words.
        has_published_shape: whether images, batches and width are as published, so that memory and
            storage can be compared, whatever was learned.
    """

    rows: tuple[Row, ...]
    block: int
    differs: tuple[str, ...]
    has_published_shape: bool

    @property
    def is_estimate(self) -> bool:
        """Whether nothing was run."""
        return self.rows[0].mode == "predicted"

    @property
    def order(self) -> tuple[float, ...]:
        """The sort key: first as published, run, and with most pretraining, width and tasks."""
        budget, seeds = self.rows[0].budget, min(len(row.records) for row in self.rows)
        pretraining = budget.get("meta_epochs", 0) * budget.get("meta_tasks", 1)
        tasks = seeds * budget.get("tasks", budget.get("epochs", 1))
        most = (pretraining, budget.get("channels", 0), tasks)
        return (self.block, self.is_estimate, *(-each for each in most))


@dataclass
class Evidence:
    """Rows, and the folders of their records.

    Attributes:
        rows: of runs and of estimates.
        stand_ins: for the label of a data set, the one that it took the place of.
        folders: for the key of a trial, its folder.
        outdated: methods of the last claim whose rows were left out, since their label means
            another procedure now.
    """

    plugins: Plugins
    rows: list[Row] = field(default_factory=list)
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    outdated: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, plugins: Plugins, results: Results) -> Evidence:
        """Take what was found in folders."""
        folders = {trial.record.trial_key: trial.folder for trial in results.trials}
        return cls(plugins, list(results.final_rows), results.stand_ins, folders)

    def records_of(self, match: Match) -> tuple[str, ...]:
        """Name the folders of the trials that a match rests on."""
        records = (record for row in match.rows for record in row.records)
        return tuple(str(self.folders[record.trial_key]) for record in records)

    def matches(self, claim: Claim) -> list[Match]:
        """Return the matches for a claim, in their order.

        Raises:
            HarnessError: no plugin here has a method or the data set of the claim.
        """
        methods = [select(self.plugins, "method", text)[0] for text in claim.methods]
        self.outdated.clear()  # it is told of one claim at a time
        found: dict[int, Match] = {}
        for number, block in enumerate(claim.settings):
            devices = block.devices if claim.is_of_device else None
            for rows in self._side_by_side(methods, block, devices):
                if id(rows[0]) not in found:
                    found[id(rows[0])] = self._match(rows, number, claim)
        return sorted(found.values(), key=lambda match: match.order)

    def _side_by_side(
        self, methods: Sequence[Selection], block: SuiteEntry, devices: Sequence[str] | None
    ) -> Iterator[tuple[Row, ...]]:
        places: dict[Hashable, dict[str, Row]] = defaultdict(dict)
        dataset = select(self.plugins, "dataset", block.datasets[0])[0].label
        by_label = {method.label: method for method in methods}
        for row in self.rows:
            named = self.stand_ins.get(row.dataset, row.dataset)
            is_posed_so = row.setting in ("full task", f"{block.ways}-way {block.shots}-shot")
            is_on_device = devices is None or row.device in devices
            if row.method in by_label and named == dataset and is_posed_so and is_on_device:
                if _has_parameters_of(row, by_label[row.method]):
                    places[_place(row)][row.method] = row
                else:
                    self.outdated.add(row.method)
        for rows in places.values():
            if all(label in rows for label in by_label):
                yield tuple(rows[method.label] for method in methods)

    def _match(self, rows: tuple[Row, ...], number: int, claim: Claim) -> Match:
        row, published = rows[0], claim.settings[0]
        budget, posed = parse_budget(published.budget), _posing_differences(row, published)
        width = used_keys(budget, row.kind)["channels"]
        has_shape = number == 0 and not posed and row.budget.get("channels") == width
        told = [*self._data_differences(row, published), *posed]
        if row.records:
            changed = scaled_keys(row.records[0].budget.allowed, budget, row.kind)
            told += [f"{key} {ours:,g} ({theirs:,g})" for key, (ours, theirs) in changed.items()]
        return Match(rows, number, tuple(told), has_shape)

    def _data_differences(self, row: Row, published: SuiteEntry) -> list[str]:
        dataset = select(self.plugins, "dataset", published.datasets[0])[0].label
        if row.dataset == dataset:
            return []
        stands_in = self.stand_ins.get(row.dataset) == dataset
        return [
            f"{row.dataset} in place of {dataset}" if stands_in else f"{row.dataset} ({dataset})"
        ]


def _posing_differences(row: Row, published: SuiteEntry) -> list[str]:
    """Say how the setting, recipe, evaluation or space differs from the published one."""
    setting = published.setting(row.kind)
    evaluation = setting.evaluation if isinstance(setting, FewShotSetting) else "inductive"
    theirs = setting.name, conditions_of(setting.recipe, evaluation, published.space)
    pairs = zip((row.setting, row.conditions), theirs, strict=True)
    return [f"{a or 'default'} ({b or 'default'})" for a, b in pairs if a != b]


def _place(row: Row) -> Hashable:
    """Return what must be equal in two rows for them to be compared."""
    return (
        *(row.dataset, row.setting, row.conditions, row.fingerprint, row.posed),
        *(row.device, row.mode, row.machine if row.mode == "measured" else None),
        canonical_json(dict(row.budget)),
    )


def _has_parameters_of(row: Row, method: Selection) -> bool:
    """Tell whether a record's parameters are those that its label means today.

    Defaults may have changed since. A record has every parameter, including defaults.
    """
    now = {key: value for key, value in method.params.items() if value is not None}
    records = (record.method.params for record in row.records)
    return all(then[key] == now[key] for then in records for key in then.keys() & now.keys())
