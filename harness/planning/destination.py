"""Chooses the run folder: the same request finds its own folder again, so that it can resume."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.canonical import digest
from harness.experiment.trial import Trial

__all__ = ["choose_folder"]

DEFAULT_PARENT = Path("results")


def choose_folder(output: Path | None, trials: Sequence[Trial], *, name: str, resume: bool) -> Path:
    """Return where a run goes.

    Args:
        output: the folder that was asked for; None: one under `results/`, named after `name` and
            the keys of the trials.
        trials: what will be run.
        name: what a person would call the run.
        resume: go on in a folder that is there. If not, take the first of FOLDER, FOLDER-2,
            FOLDER-3, ... that is not: nothing finished is ever overwritten.
    """
    folder = output or DEFAULT_PARENT / f"{_slug(name)}-{_fingerprint(trials)}"
    if resume or not (folder / "plan.json").exists():
        return folder
    number = 2
    while (sibling := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    return sibling


def _fingerprint(trials: Sequence[Trial]) -> str:
    return digest(sorted(trial.key for trial in trials))[:8]


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "run"
