"""What tells one trial from another, in the words that reporters and reports have for it."""

from __future__ import annotations

from harness.experiment.trial import Trial

__all__ = ["facts_of"]


def facts_of(trial: Trial) -> dict[str, str | int]:
    """Return the facts of a trial that a person would choose or group by, by name."""
    return {
        "method": trial.method.label,
        "dataset": trial.dataset.label,
        "setting": str(trial.setting),
        "device": trial.device.name,
        "mode": trial.device.mode,
        "seed": trial.seed,
    }
