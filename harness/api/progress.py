"""Shows the progress of a long command on standard error: bars on a terminal, else plain lines."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from types import FrameType
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harness.experiment.pretraining import Pretraining
from harness.experiment.setting import FewShotSetting
from harness.experiment.trial import Trial
from harness.metrics import MIB
from harness.results.record import Record
from harness.results.summary import FAILED
from harness.system.streams import is_terminal, tell

__all__ = [
    "BarProgress", "LineProgress", "ProgressView", "interruptible_progress", "work_on_stderr",
]  # fmt: skip

Event = dict[str, Any]
LINE_EVERY_S = 10.0


class ProgressView(Protocol):
    """What a run tells, and a context to show it in."""

    def __enter__(self) -> ProgressView:
        """Start showing."""

    def __exit__(self, *_: object) -> None:
        """Stop showing."""

    def said(self, sentence: str) -> None:
        """Show what is worth a line, such as that a data set is being decoded."""

    def started(self, trial: Trial) -> None:
        """Show that a trial begins."""

    def progressed(self, trial: Trial, event: Event) -> None:
        """Show that a search step is done, or that a batch of a long one begins."""

    def pretraining_started(self, pretraining: Pretraining, done: int) -> None:
        """Show that a method is pretrained first, after `done` meta-epochs of an earlier run."""

    def pretraining_progressed(self, pretraining: Pretraining, event: Event) -> None:
        """Show that a meta-epoch is done."""

    def finished(self, trial: Trial, record: Record, *, resumed: bool) -> None:
        """Show that a trial has ended."""


@contextmanager
def interruptible_progress(total: int) -> Iterator[ProgressView]:
    """Show the progress of `total` trials, and let SIGTERM end them as Ctrl-C does."""
    view = BarProgress(total) if is_terminal(sys.stderr) else LineProgress(total)
    with view, terminate_as_interrupt():
        yield view


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM, which job schedulers send; threads get no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class LineProgress:
    """Prints plain lines, one in ten seconds at most: how far the run is, and the time left.

    Warnings, and reasons why a trial failed, are printed at once.
    """

    def __init__(self, total: int) -> None:
        """Expect `total` trials."""
        self._total, self._done, self._earlier = total, 0, 0
        self._began, self._last_line = time.monotonic(), float("-inf")
        self._untold = ""
        self._failures: set[str] = set()

    def __enter__(self) -> LineProgress:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_: object) -> None:
        """Print how it stands in the end."""
        if self._untold:
            self.said(self._untold)

    def said(self, sentence: str) -> None:
        """Print the sentence."""
        self._last_line, self._untold = time.monotonic(), ""
        tell(sentence)

    def started(self, trial: Trial) -> None:
        """Print which trial it is, if there was no line for ten seconds, as for all below."""
        self.now_and_then(f"[{self._done + 1}/{self._total}] {trial}{self._left()}")

    def progressed(self, trial: Trial, event: Event) -> None:
        """Print the step."""
        step = describe_step(trial, event)
        self.now_and_then(f"[{self._done + 1}/{self._total}] {step}{self._left()}")

    def pretraining_started(self, pretraining: Pretraining, done: int) -> None:
        """Print what is pretrained, and for how long."""
        told = f"{pretraining}, {pretraining.budget.meta_epochs:,} meta-epochs"
        self.now_and_then(told + (f", of which {done:,} are done" if done else ""))

    def pretraining_progressed(self, pretraining: Pretraining, event: Event) -> None:
        """Print the meta-epoch."""
        self.now_and_then(describe_meta_epoch(pretraining, event))

    def finished(self, trial: Trial, record: Record, *, resumed: bool) -> None:
        """Print how it ended; each new reason of failure is printed at once."""
        self._done += 1
        self._earlier += resumed
        end = describe_end(trial, record, resumed=resumed)
        line = f"[{self._done}/{self._total}] {end}{self._left()}"
        if record.status in FAILED and record.error and record.error.message not in self._failures:
            self._failures.add(record.error.message)
            self.said(line)
        else:
            self.now_and_then(line)

    def now_and_then(self, line: str) -> None:
        """Print a line if there was none for ten seconds."""
        self._untold = line
        if time.monotonic() - self._last_line >= LINE_EVERY_S:
            self.said(line)

    def _left(self) -> str:
        """Say how long the rest takes if trials go on as they did; nothing before the first."""
        done, rest = self._done - self._earlier, self._total - self._done
        if not done or not rest:
            return ""
        seconds = round((time.monotonic() - self._began) / done * rest)
        return f"; about {timedelta(seconds=seconds)} left"


class BarProgress:
    """A bar of all trials, and one of the steps of each that is at work."""

    def __init__(self, total: int) -> None:
        """Expect `total` trials."""
        self._progress = Progress(*_columns(), console=Console(stderr=True))
        self._all = self._progress.add_task("trials", total=total, visible=False)
        self._running: dict[str, TaskID] = {}
        self._offline: dict[str, TaskID] = {}

    def __enter__(self) -> BarProgress:
        """Start the live display."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def said(self, sentence: str) -> None:
        """Print the sentence above the bars."""
        self._progress.console.print(sentence, highlight=False, markup=False)

    def started(self, trial: Trial) -> None:
        """Show the trial's own bar, and from the first one on that of all."""
        self._progress.update(self._all, visible=True)
        self._running[trial.key] = self._progress.add_task(trial.method.label, total=_steps(trial))

    def progressed(self, trial: Trial, event: Event) -> None:
        """Move the trial's bar, with the step's readings beside it; not every step is shown."""
        self._progress.update(
            self._running[trial.key],
            completed=_steps_until(trial, event),
            description=describe_step(trial, event),
        )

    def pretraining_started(self, pretraining: Pretraining, done: int) -> None:
        """Show a bar of its meta-epochs; several may be under way."""
        self._offline[pretraining.key] = self._progress.add_task(
            str(pretraining), total=pretraining.budget.meta_epochs, completed=done
        )

    def pretraining_progressed(self, pretraining: Pretraining, event: Event) -> None:
        """Move its bar, and take it away at its end."""
        done = event["meta_epoch"]
        self._progress.update(
            self._offline[pretraining.key],
            completed=done,
            description=describe_meta_epoch(pretraining, event),
            visible=done < pretraining.budget.meta_epochs,
        )

    def finished(self, trial: Trial, record: Record, *, resumed: bool) -> None:
        """Advance the bar of all trials."""
        if not resumed:
            self._progress.remove_task(self._running.pop(trial.key))
        self._progress.advance(self._all)
        self.said(describe_end(trial, record, resumed=resumed))


def describe_step(trial: Trial, event: Event) -> str:
    """Say where a trial stands and what its last step read."""
    if event["event"] == "batch":
        place = f"step {event['step'] + 1} batch {event['batch']:,} of {event['batches']:,}"
        return f"{trial.method.label} {place}"
    counted = event["memory_bytes"]
    memory = "" if counted is None else f", memory {counted / MIB:,.1f} MiB"
    return (
        f"{trial.method.label} task {event['task'] + 1} step {event['step'] + 1}: "
        f"loss {event['loss']:.3f}, accuracy {event['accuracy']:.0f} %{memory}"
    )


def describe_meta_epoch(pretraining: Pretraining, event: Event) -> str:
    """Say where a pretraining stands."""
    return (
        f"{pretraining}, meta-epoch {event['meta_epoch']:,} of "
        f"{pretraining.budget.meta_epochs:,}: loss {event['loss']:.3f}, "
        f"accuracy {event['accuracy']:.0f} %"
    )


def describe_end(trial: Trial, record: Record, *, resumed: bool) -> str:
    """Say how a trial ended, and why if not well."""
    how, accuracy = record.status.replace("_", " "), record.metrics.get("accuracy")
    if record.error is not None:
        how += f": {record.error.message}"
    elif record.status == "ok" and accuracy is None and record.dataset.objective.limits:
        how += ", nothing within the limits was found"
    elif record.status == "ok" and accuracy is not None and accuracy.value is not None:
        how += f", accuracy {accuracy.value:.2f} %"
    return f"{trial}: {how}" + (" (finished earlier)" if resumed else "")


def _steps_until(trial: Trial, event: Event) -> int:
    """Count the steps that are done."""
    begun = event["step"] + (event["event"] == "step")
    few_shot = isinstance(trial.setting, FewShotSetting)
    return int(begun + event["task"] * trial.budget.search_steps * few_shot)


def _steps(trial: Trial) -> int:
    if isinstance(trial.setting, FewShotSetting):
        return trial.budget.tasks * trial.budget.search_steps
    return trial.budget.epochs


def _columns() -> tuple[ProgressColumn, ...]:
    """Return what stands in a bar's line: name, bar, how much of it, how long, how long still."""
    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )


@contextmanager
def work_on_stderr(total: int) -> Iterator[Callable[[str], None]]:
    """Yield a function to call with the name of each of `total` pieces of work as it begins."""
    if not is_terminal(sys.stderr):
        numbers, lines = count(1), LineProgress(total)  # the first, and then one in ten seconds
        yield lambda name: lines.now_and_then(f"[{next(numbers)}/{total}] {name}")
        return
    with Progress(*_columns(), console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=total)
        yield lambda name: progress.update(bar, advance=1, description=name)
