"""A kind of job that the harness knows nothing of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from harness.experiment.outcome import Outcome
from harness.plugins.loading import Plugins
from harness.runtime.job import Job
from harness.runtime.process_group import ProcessGroup


class Greeting(Job):
    """Says a word."""

    runner: ClassVar[str] = "tests.runtime.kinds:greet"
    noun: ClassVar[str] = "greeting"

    word: str


def greet(
    plugins: Plugins, job: Greeting, send: Callable[[dict[str, Any]], None], group: ProcessGroup
) -> Outcome:
    """Send the word, or end without one."""
    if job.word == "exit":
        raise SystemExit(3)
    send({"event": "greeting", "word": job.word, "rank": group.rank})
    print(job.word)  # noqa: T201 - goes to the log
    return Outcome(status="ok")
