"""How a trial ended: what its process said, and the clocks of the machine that ran it."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from pydantic import BaseModel, ConfigDict, Field

from harness.results.record import Outcome, Stage, Status, TrialError

__all__ = ["Clock", "Ending", "ended_at_once"]


class Ending(BaseModel):
    """All that a record needs besides its trial."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    outcome: Outcome
    wall_s: float = Field(ge=0, description="by a clock that never goes back")
    started_at: str = Field(max_length=40, description="ISO 8601 in UTC, by the machine's calendar")
    ended_at: str = Field(max_length=40)


class Clock:
    """Starts with a trial; the calendar may jump while it runs, its seconds do not."""

    def __init__(self) -> None:
        """Start."""
        self._started_at, self._started = _now(), time.monotonic()

    def ending(self, outcome: Outcome) -> Ending:
        """Return the outcome with the times up to now."""
        wall_s = time.monotonic() - self._started
        return Ending(outcome=outcome, wall_s=wall_s, started_at=self._started_at, ended_at=_now())


def ended_at_once(
    status: Status, kind: str, message: str, stage: Stage = "search", clock: Clock | None = None
) -> Ending:
    """Return the ending of a trial that was not done, and why."""
    error = TrialError(type=kind, message=message, stage=stage)
    return (clock or Clock()).ending(Outcome(status=status, error=error))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
