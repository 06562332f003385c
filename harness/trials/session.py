"""The state of one trial while it runs: clocks, the memory counter, and the results so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import torch

from harness.contracts import (
    DatasetForm,
    FindsArchitecture,
    OperationLatency,
    ReportsMetrics,
    SearchBatch,
    SearchContext,
    SearchMethod,
    StartsFromArchitecture,
    StepMetrics,
    ZeroCostScore,
)
from harness.experiment.outcome import JudgedImage, PretrainingPart, Stage, TaskResult, Used
from harness.experiment.trial import Trial
from harness.loop.guards import (
    RssGuard,
    TrialLimits,
    check_logits,
    check_metrics,
    check_reported,
)
from harness.measure import Stopwatch, synchronise
from harness.measure.memory import MemoryCounter
from harness.metrics import METRICS, MIB
from harness.results.run_files import Step
from harness.runtime.determinism import INITIAL_WEIGHTS, seed_generators
from harness.space.spec import METANAS
from harness.trials.readings import TrialReadings

__all__ = ["OnePass", "Session"]

TELL_EVERY_S = 5.0

Event = dict[str, Any]


class OnePass:
    """Batches that can be iterated over once: a search step is one pass over its images.

    Time spent reading them is the harness's, not the method's, and is measured apart. The wall
    clock is checked before each batch, so that an epoch does not exceed its budget by much.
    """

    def __init__(self, batches: Iterable[SearchBatch], session: Session) -> None:
        """Wrap `batches` for one search step of `session`."""
        self._batches = iter(batches)
        self._session = session
        self._taken = False

    def __iter__(self) -> Iterator[SearchBatch]:
        """Yield each batch once.

        Raises:
            RuntimeError: a second pass was asked for.
        """
        if self._taken:
            raise RuntimeError("a search step may go through its batches once, not twice")
        self._taken = True
        for number in count(1):
            self._session.limits.check_clock()
            with self._session.reading():
                batch = next(self._batches, None)
            if batch is None:
                return
            self._session.begin_batch(number)
            yield batch


class Session:
    """One trial that is running in this process.

    Attributes:
        stage: what is being done, for the message of an error.
        where: the task and step, for the same message.
        counting: the context in which memory is counted; it does nothing if memory is not counted.
        readings: reads the machine's energy, memory and state.
        used: what has been used of the budget.
        tasks: the results of finished tasks.
        initial_architecture: what the first task's search started from, as JSON; None if the
            method starts from no architecture.
        architectures: what each task's search found, as JSON; empty if the method gives none.
        peak_bytes: peak memory of the search steps so far; None before the first.
        form: of the data set; None before it is open.
        batches: of a search step that is an epoch; None: steps are short.
        space: the search space, once it is made.
        operation_latency: predicts latencies on the device; None if it has no cost model.
        score: what the method evaluates architectures by, if that is a zero-cost score.
        initial_state: the tensors of the checkpoint; None: the search starts from scratch.
        pretraining: what the record says about the pretraining.
        metrics: all metrics by name, including those of plugins.
        reported: the method's own metrics of the task that was concluded last.
        read: the device's own metrics over the whole trial.
        model_path: the folder to keep the network in; None: it is not kept.
        no_model: why the network could not be kept.
        shows_images: whether a few query images may be kept, to be shown.
        examples: the query images that were kept.
    """

    def __init__(
        self,
        trial: Trial,
        device: torch.device,
        limits: TrialLimits,
        send: Callable[[Event], None],
        readings: TrialReadings,
    ) -> None:
        """Begin a trial; nothing is done yet."""
        self.trial, self.device, self.limits, self._send = trial, device, limits, send
        self.counter = MemoryCounter(device.type, limit_bytes=limits.memory_bytes)
        self.readings = readings
        self.counting = self.counter if trial.counts_memory else nullcontext()
        self.stage: Stage = "start"
        self.where = ""
        self.used = Used()
        self.tasks: list[TaskResult] = []
        self.initial_architecture: dict[str, Any] | None = None
        self.architectures: list[dict[str, Any]] = []
        self.storage_bytes: int | None = None
        self.peak_bytes: int | None = None
        self.operation_latency: OperationLatency | None = None
        self.score: ZeroCostScore | None = None
        self.form: DatasetForm | None = None
        self.batches: int | None = None
        self.space = METANAS
        self.initial_state: Mapping[str, torch.Tensor] | None = None
        self.pretraining: PretrainingPart | None = None
        self.metrics = METRICS
        self.reported: dict[str, float] = {}
        self.read: dict[str, float] = {}
        self.model_path: Path | None = None
        self.no_model = ""
        self.shows_images = False
        self.examples: list[JudgedImage] = []
        self._method, self._data = Stopwatch(device), Stopwatch()
        self._in_step = False
        self._place = {"task": 0, "step": 0}
        self._told_at = 0.0  # by the monotonic clock
        self._growth: RssGuard | None = None

    @property
    def method_s(self) -> float:
        """Seconds inside the method's calls; images read on its behalf are not among them."""
        return self._method.seconds

    @property
    def data_s(self) -> float:
        """Seconds spent on opening, decoding and moving images."""
        return self._data.seconds

    @contextmanager
    def calling(self, stage: Stage) -> Iterator[None]:
        """Time a call of the method."""
        self.stage = stage
        with self._method.running():
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Time the reading of images; inside a method's call it is taken off the method's time."""
        before = self._data.seconds
        if self._in_step:
            synchronise(self.device)  # what it still computes is the method's time, not the images'
        with self.readings.paused(), self._data.running():
            yield
        if self._in_step:
            self._method.seconds -= self._data.seconds - before

    def seed(self, *purpose: str | int) -> torch.Generator:
        """Seed torch's global generators for a purpose; return a CPU generator of the same seed."""
        return seed_generators(self.trial.seed, *purpose)

    def build(self, method: SearchMethod, context: SearchContext) -> None:
        """Build the method in its initial state: the trial's seed alone decides the weights."""
        self.seed(INITIAL_WEIGHTS)
        if self._growth is None and self.device.type == "cpu" and self.trial.counts_memory:
            self._growth = RssGuard(self.limits.memory_bytes)  # the images are read by now
        with self.calling("build"):
            method.build(context)
        if not self.tasks and isinstance(method, StartsFromArchitecture):
            self.initial_architecture = method.initial_architecture().model_dump(mode="json")
        self.limits.check_memory(self.counter)

    def search_step(
        self, method: SearchMethod, batches: Iterable[SearchBatch], task: int, step: int
    ) -> float:
        """Have one search step done, report it, and return the seconds it took.

        Raises:
            NotFiniteError: the loss is not finite.
            BudgetExceededError: the wall clock or the memory budget is used up.
        """
        self.where = f"task {task + 1}, search step {step + 1}"
        self._place, self._told_at = {"task": task, "step": step}, time.monotonic()
        self.limits.check_clock()
        self.counter.reset_peak()
        before = self.method_s
        self._in_step = True
        try:
            with self.readings.measuring(task, self.device), self.calling("search"):
                metrics = method.search_step(OnePass(batches, self))
        finally:
            self._in_step = False
            self._note_peak()  # also when the step failed: its memory was used nonetheless
        seconds = self.method_s - before
        self._check(metrics)
        self._report(metrics, task, step, seconds)
        return seconds

    def begin_batch(self, number: int) -> None:
        """Tell which batch of an epoch begins, now and then: an epoch may take an hour."""
        if self.batches and time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._told_at = time.monotonic()
            place = {**self._place, "batch": number, "batches": self.batches}
            self._send({"event": "batch", **place})

    def predict(
        self, images: torch.Tensor, predict: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        """Return a method's logits (N, classes) for images, after checking them."""
        self.limits.check_clock()
        with self.calling("predict"):
            logits = predict(images)
        check_logits(logits, images)
        return logits

    def conclude(self, method: SearchMethod) -> None:
        """Ask for the architecture, and for what the device would have to store."""
        with self.calling("end"):
            if isinstance(method, FindsArchitecture):
                self.architectures.append(method.architecture().model_dump(mode="json"))
            state = method.state_dict()
            reported = method.metrics() if isinstance(method, ReportsMetrics) else {}
        self.reported = check_reported(reported, self.metrics.keys() - METRICS, "the method")
        self.storage_bytes = sum(
            tensor.numel() * tensor.element_size() for tensor in state.values()
        )

    def _note_peak(self) -> None:
        if self.trial.counts_memory:
            self.peak_bytes = max(self.peak_bytes or 0, self.counter.peak_bytes)
            self.used.memory_mb = self.peak_bytes / MIB

    def _check(self, metrics: StepMetrics) -> None:
        self.limits.check_memory(self.counter)
        if self._growth is not None:
            self._growth.check(self.peak_bytes or 0)
        check_metrics(metrics, self.where)

    def _report(self, metrics: StepMetrics, task: int, step: int, seconds: float) -> None:
        row = Step(
            task=task,
            step=step,
            loss=float(metrics["loss"]),
            accuracy=float(metrics["accuracy"]),
            memory_bytes=self.counter.peak_bytes if self.trial.counts_memory else None,
            seconds=seconds,
        )
        self._send({"event": "step", **row.model_dump()})
