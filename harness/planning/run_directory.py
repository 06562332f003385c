"""The run folder: `plan.json`, a lock, and one folder a trial. Finished records are never touched.

RUN/plan.json                     every trial that was asked for, written first, and the suites
RUN/trials/<trial>/record.json    written last, whole: a folder without it is run again
RUN/trials/<trial>/steps.jsonl    one line a search step
RUN/trials/<trial>/architecture.json
RUN/trials/<trial>/log.txt        what the method printed
RUN/trials/<trial>/model/         its network, if it was to be kept
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from harness.canonical import digest
from harness.errors import RunFolderError
from harness.experiment.outcome import FINAL_STATUSES, Outcome
from harness.experiment.trial import Trial
from harness.results.record import Record
from harness.results.run_files import PLAN_FILE, Plan, PlannedTrial, write_examples
from harness.system.files import remove_folder, take_lock, warn_once, write_whole
from harness.system.text import NotTextError, is_leftover, read_text, shortened

__all__ = ["Origin", "RunFolder", "choose_folder"]


class RunFolder:
    """A folder that one run at a time writes to."""

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is made before `locked`."""
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep other runs out of it; a killed run leaves no lock behind.

        Raises:
            RunFolderError: it cannot be made, holds something else, or another run is at work.
        """
        try:
            self._refuse_foreign()
            self.trials_path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            reason = error.strerror or error
            raise RunFolderError(f"run folder {self.path} cannot be used: {reason}") from None
        try:
            _lock(handle, self.path)
            yield
        finally:
            os.close(handle)

    @property
    def trials_path(self) -> Path:
        """Where the trials' folders are."""
        return self.path / "trials"

    def trial_path(self, trial: Trial) -> Path:
        """Return the folder of one trial."""
        return self.trials_path / trial.folder_name

    def model_path(self, trial: Trial) -> Path:
        """Return the folder of the network that a trial has kept, if it has."""
        return self.trial_path(trial) / "model"

    def add_to_plan(self, trials: Sequence[Trial], origin: Origin | None = None) -> list[str]:
        """Write `plan.json`, keeping the trials and suites that earlier runs have put there.

        A trial that was planned with other code, and is otherwise one of these, is superseded: its
        folder stays, and reports pass over it.

        Returns:
            For each of these that has a final record, what code has changed, in words.
        """
        earlier = self._plan()
        planned = {item.trial_key: item for item in earlier.trials}
        superseded, changes = _of_other_code(earlier.trials, trials)
        for trial in trials:
            whole = trial.model_dump(mode="json")
            planned[trial.key] = PlannedTrial(
                trial_key=trial.key, folder=trial.folder_name, **whole
            )
        plan = _joined(earlier, origin or Origin(), {trial.method.name for trial in trials})
        plan.trials = [each for each in planned.values() if each.folder not in superseded]
        now = {trial.folder_name for trial in trials}
        plan.superseded = [*(set(earlier.superseded) - now), *superseded]
        plan.superseded.sort()
        text = json.dumps(plan.model_dump(mode="json", by_alias=True), indent=1)
        write_whole(self.path / PLAN_FILE, text + "\n")
        return [
            change
            for folder, change in zip(superseded, changes, strict=True)
            if _is_final(read_record(self.trials_path / folder / "record.json"))
        ]

    def finished(self, trial: Trial) -> Record | None:
        """Return the trial's final record, or None if it has to be run."""
        record = read_record(self.trial_path(trial) / "record.json")
        if record is None or record.trial_key != trial.key:
            return None
        return record if _is_final(record) else None

    def begin(self, trial: Trial) -> Path:
        """Make the trial's folder anew; what a broken run left half-written there goes.

        Raises:
            RunFolderError: a record is there that this harness cannot read, or the disk refuses.
        """
        path = self.trial_path(trial)
        if (path / "record.json").exists() and read_record(path / "record.json") is None:
            raise RunFolderError(
                f"{path / 'record.json'} cannot be read and is not overwritten; move it away, or "
                "give another folder with --output"
            )
        try:
            if path.exists():
                remove_folder(path)
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"{path} cannot be made: {error.strerror or error}") from None
        return path

    def finish(self, trial: Trial, outcome: Outcome, record: Record) -> None:
        """Write the architectures and the judged images, then, last, the record."""
        path = self.trial_path(trial)
        write_examples(path, outcome.examples)
        if outcome.architectures:
            text = json.dumps(outcome.architectures, indent=1)
            write_whole(path / "architecture.json", text + "\n")
        write_whole(path / "record.json", record.model_dump_json(by_alias=True, indent=1) + "\n")

    def _plan(self) -> Plan:
        """Read `plan.json`; without one, an empty plan."""
        path = self.path / PLAN_FILE
        if not path.exists():
            return Plan(trials=[])
        try:
            return Plan.model_validate_json(read_text(path))
        except (OSError, ValueError):
            raise RunFolderError(
                f"{path} is not a plan of this harness; give another folder with --output"
            ) from None

    def _refuse_foreign(self) -> None:
        """Do not spread a run over a folder that holds something else."""
        if not self.path.exists() or (self.path / ".lock").exists():
            return
        own = [each for each in self.path.iterdir() if not is_leftover(each.name)]
        if own and not (self.path / PLAN_FILE).exists():
            raise RunFolderError(
                f"{self.path} is not empty and is not a run folder; give another with --output"
            )


def read_record(path: Path) -> Record | None:
    """Read a record; None where there is none or it is not whole."""
    with suppress(OSError, ValidationError, NotTextError):
        return Record.model_validate_json(read_text(path))
    return None


def _is_final(record: Record | None) -> bool:
    return record is not None and record.status in FINAL_STATUSES


def _of_other_code(
    earlier: Sequence[PlannedTrial], trials: Sequence[Trial]
) -> tuple[list[str], list[str]]:
    """Return the folders of earlier trials that differ from one of `trials` in code alone, and how.

    Those of a version that this one cannot read are left as they are.
    """
    by_key = {trial.key_whatever_the_code: trial for trial in trials}
    folders, changes = [], []
    for item in earlier:
        with suppress(ValidationError):
            planned = Trial.model_validate(item.model_extra)
            trial = by_key.get(planned.key_whatever_the_code)
            if trial is not None and trial.code is not None and trial.code != planned.code:
                folders.append(item.folder)
                changes.append(trial.code.difference(planned.code))
    return folders, changes


def _joined(plan: Plan, origin: Origin, methods: Set[str]) -> Plan:
    """Add an origin to those that a plan names; methods that now have trials can be run again."""
    named = [origin.suite] if origin.suite is not None else []
    still_out = {
        text: reason
        for text, reason in plan.passed_over.items()
        if text.partition("[")[0] not in methods
    }
    return Plan(
        suites=list(dict.fromkeys([*plan.suites, *named])),
        dataset_map={**plan.dataset_map, **origin.dataset_map},
        passed_over={**still_out, **origin.passed_over},
        trials=plan.trials,
    )


def _lock(handle: int, path: Path) -> None:
    is_mine = take_lock(handle)
    if is_mine is None:
        warn_once(
            f"the file system of {path} has no locks; make sure that no other run writes there"
        )
    elif not is_mine:
        raise RunFolderError(
            f"another run is writing to {path}; wait for it or give another folder with --output"
        )


DEFAULT_PARENT = Path("results")


def choose_folder(output: Path | None, trials: Sequence[Trial], *, name: str, resume: bool) -> Path:
    """Return where a run goes.

    Args:
        output: the folder that was asked for; None: one under `results/`, named after `name` and
            the keys of the trials.
        trials: what will be run.
        name: what a person would call the run.
        resume: whether to go on in a folder that holds a run. If not, the first of FOLDER,
            FOLDER-2, FOLDER-3, ... that does not exist is taken, so that nothing is overwritten.
    """
    folder = output or _named_after(name, _fingerprint(trials))
    if resume or not (folder / "plan.json").exists():
        return folder
    number = 2
    while (sibling := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    return sibling


def _named_after(name: str, fingerprint: str) -> Path:
    """Name a folder; one that an earlier harness has given a longer name keeps it."""
    slug = _slug(name)
    whole = DEFAULT_PARENT / f"{slug}-{fingerprint}"
    return whole if os.path.lexists(whole) else DEFAULT_PARENT / f"{shortened(slug)}-{fingerprint}"


def _fingerprint(trials: Sequence[Trial]) -> str:
    return digest(sorted(trial.key for trial in trials))[:8]


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "run"


@dataclass(frozen=True)
class Origin:
    """The suite that trials were planned from; no part of what defines them.

    Attributes:
        suite: its name or path, as it was given; None where options alone said what to run.
        dataset_map: for a data set of the suite, the label of the one that stands in for it.
        passed_over: methods that no trial was planned for, since a plugin is at fault, and why.
    """

    suite: str | None = None
    dataset_map: Mapping[str, str] = field(default_factory=dict)
    passed_over: Mapping[str, str] = field(default_factory=dict)
