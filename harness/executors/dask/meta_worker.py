"""A worker's process that learns tasks of a pretraining, one after another."""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import Future, wait
from pathlib import Path

from harness.executors.dask.logs import end_of
from harness.pretraining.meta_task_request import Learned, LessonFailedError, Lessons
from harness.pretraining.process_group import Place
from harness.results.record import Outcome
from harness.runtime.job import LessonsJob
from harness.runtime.process import StopSignal, TrialProcesses

__all__ = ["LatestSignal", "Pupil"]

CLOSING_S = 5.0


class LatestSignal:
    """A signal (`StopSignal`) that stands for one after another."""

    def __init__(self) -> None:
        """Be down, until there is one."""
        self.signal: StopSignal = threading.Event()

    def is_set(self) -> bool:
        """Whether the latest signal is up."""
        return self.signal.is_set()

    def set(self) -> None:
        """Put it up."""
        self.signal.set()


class Pupil:
    """The process, and the thread that watches it.

    Attributes:
        stopping: ends the process when its signal goes up. That of a task goes up some time after
            the task's end, too, unless the next one has brought its own.
    """

    def __init__(self, run: str, job: LessonsJob) -> None:
        """Start the process.

        Args:
            run: of which the pretraining is.
            job: says which it is, with the folders of this machine.
        """
        self.stopping = LatestSignal()
        self._run, self._job = run, job
        processes = TrialProcesses(self.stopping)
        self._connection, end = processes.pipe()
        self._ended: Future[Outcome] = Future()
        self._log = ""
        # Nobody waits for a daemon when the worker ends; the process then ends with it.
        threading.Thread(
            target=self._watch, args=(processes, Place(1, 2, [end])), daemon=True
        ).start()

    def serves(self, run: str, job: LessonsJob) -> bool:
        """Whether it is there to learn for that pretraining."""
        return (run, job) == (self._run, self._job) and not self._ended.done()

    def learn(self, lessons: Lessons) -> Learned:
        """Have one task learned.

        Raises:
            LessonFailedError: the method has failed, or the process has died.
            KeyboardInterrupt: the signal went up.
        """
        try:
            self._connection.send(lessons)
            learned: Learned = self._connection.recv()
        except (EOFError, OSError):
            outcome = self._ended.result()
            raise LessonFailedError(outcome, self._log) from None
        return learned

    def close(self) -> None:
        """Let the process go, which is at nothing."""
        self._connection.close()
        wait([self._ended], timeout=CLOSING_S)
        self.stopping.set()

    def _watch(self, processes: TrialProcesses, place: Place) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="harness-") as folder:
                log = Path(folder) / "log.txt"
                outcome = processes.run(self._job, log, lambda _: None, place)
                self._log = end_of(log)
            self._ended.set_result(outcome)
        except BaseException as error:  # it is raised where it is waited for
            self._ended.set_exception(error)
        finally:
            place.close()  # if the process did not even start
