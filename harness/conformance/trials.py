"""Small trials on images of noise, in which rules observe a subject."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.canonical import digest
from harness.conformance.rule import BrokenRuleError, Subject
from harness.contracts import (
    DeviceMode,
    Episode,
    ImageSet,
    SearchBatch,
    SearchContext,
    SearchMethod,
    SplitSummary,
    TaskKind,
)
from harness.devices.profile import DeviceProfile
from harness.errors import UsageError
from harness.experiment.budget import Budget
from harness.experiment.setting import FewShotSetting
from harness.experiment.trial import DatasetIdentity, DeviceIdentity, MethodIdentity, Trial
from harness.loop.episode import MethodDriver, batches, draw, for_both
from harness.loop.guards import TrialLimits
from harness.planning.planner import identify_method
from harness.plugins.loading import in_one_line
from harness.plugins.spaces import evaluating_score
from harness.runtime.determinism import choose_threads, seed_generators
from harness.space.backpropagation import ordinary
from harness.space.supernet import Supernet
from harness.trials.few_shot import run_few_shot
from harness.trials.readings import TrialReadings
from harness.trials.session import Session

__all__ = [
    "BUDGET",
    "SETTING",
    "SHORTEST",
    "NoiseImages",
    "Watched",
    "begin",
    "budget_for",
    "context_for",
    "measured_slowness",
    "open_session",
    "reference_trial",
    "run",
    "support_of",
    "use_few_threads",
]


class NoiseImages:
    """Each class is one random pattern, each image of it that pattern with noise.

    Attributes:
        turned_by: is added to each query label, modulo the ways; images stay the same.
    """

    fingerprint = digest("noise images of the contract checks")
    kind: TaskKind = "few-shot"
    image_shape = (1, 8, 8)
    splits: Mapping[str, SplitSummary] = {
        split: SplitSummary(classes=1000, images_per_class=1000) for split in ("train", "test")
    }

    def __init__(self, turned_by: int = 0) -> None:
        """Turn the query labels by so many classes."""
        self.turned_by = turned_by

    def episode(  # noqa: PLR0913 - the identity of an episode is what it is
        self, split: str, *, ways: int, shots: int, queries: int, seed: int, index: int
    ) -> Episode:
        """Draw an episode from its identity."""
        identity = digest([split, ways, shots, queries, seed, index])
        random = np.random.default_rng(int(identity[:15], 16))
        patterns = random.normal(size=(ways, *self.image_shape)).astype(np.float32)
        labels = np.arange(ways, dtype=np.int64)

        def draw(count: int) -> NDArray[np.float32]:
            noise = random.normal(size=(count, *patterns.shape)).astype(np.float32)
            images: NDArray[np.float32] = patterns + 0.3 * noise
            return images.reshape(-1, *self.image_shape)  # goes round the classes

        turned = (labels + self.turned_by) % ways
        return Episode(draw(shots), np.tile(labels, shots), draw(queries), np.tile(turned, queries))

    def images(self, split: str) -> ImageSet:
        """Raise an error, as there is no full task.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"this data set has no full task, and so no split '{split}'")


SETTING = FewShotSetting(ways=5, shots=1, queries=3)
_CHANNELS = 4
BUDGET = Budget(search_steps=3, tasks=1, channels=_CHANNELS)
# Where another step shows nothing new, and where a check is quick.
SHORTEST = BUDGET.model_copy(update={"search_steps": 1, "meta_steps": 1})

_PROFILE = DeviceProfile(
    name="check", model="the processor of this machine", kind="cpu", recognised_by=["*"]
)


@dataclass
class Watched:
    """What was observed in a trial.

    Attributes:
        session: holds its results.
        logits: what each call of `predict` returned, (N, ways).
        states: what `state_dict` returned at the end of each task.
        live_bytes: bytes alive before each task, after the method of the task before was deleted.
    """

    session: Session
    logits: list[Tensor] = field(default_factory=list)
    states: list[dict[str, Tensor]] = field(default_factory=list)
    live_bytes: list[int] = field(default_factory=list)


def run(
    subject: Subject,
    *,
    images: NoiseImages | None = None,
    budget: Budget | None = None,
    send: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Watched:
    """Run a whole trial of a method.

    Args:
        subject: the method.
        images: what it searches on.
        budget: of the trial; by default that of the subject's conditions.
        send: is called with the event of each search step.

    Raises:
        BrokenRuleError: the trial ended with an error; the message has it.
    """
    session = open_session(_trial(subject, budget or budget_for(subject)), send)
    session.score = evaluating_score(subject.plugins, subject.selection)
    watched = Watched(session)

    def create() -> SearchMethod:
        watched.live_bytes.append(session.counter.live_bytes)
        return _watch(subject.create(), watched)

    try:
        run_few_shot(session, SETTING, images or NoiseImages(), create)
    except Exception as error:
        cause = in_one_line(error)
        where = f" ({session.where})" if session.where not in str(error) else ""
        raise BrokenRuleError(f"its trial ended with {cause}{where}", cause) from error
    return watched


def budget_for(subject: Subject) -> Budget:
    """Return the budget of small trials: of several search steps where a check is thorough."""
    return BUDGET if subject.conditions.thorough else SHORTEST


def begin(subject: Subject, context: SearchContext) -> SearchMethod:
    """Return a newly built method; torch is seeded as in a trial."""
    method: SearchMethod = subject.create()
    driver = MethodDriver(seed=0, index=0)
    score = evaluating_score(subject.plugins, subject.selection)
    driver.build(method, replace(context, score=score))
    driver.begin_search()
    return method


def support_of(shots: int = SETTING.shots) -> list[SearchBatch]:
    """Return the batches of the first task with so many images a class, on the processor."""
    setting = SETTING.model_copy(update={"shots": shots})
    episode = draw(NoiseImages(), setting, 0, 0)
    images, labels = episode.support_images, episode.support_labels
    return for_both(batches(images, labels, setting.batch_size, torch.device("cpu")))


def context_for(
    *,
    budget: Budget = BUDGET,
    initial_state: Mapping[str, Tensor] | None = None,
    pretraining: bool = False,
) -> SearchContext:
    """Return the context of a small trial; its generator is seeded anew."""
    return SearchContext(
        image_shape=NoiseImages.image_shape,
        classes=SETTING.ways,
        channels=BUDGET.channels or SETTING.default_channels,
        budget=budget,
        steps=budget.search_steps,
        device=torch.device("cpu"),
        generator=seed_generators(0, "method", 0),
        initial_state=initial_state,
        operation_latency=lambda *_: 0.0,
        pretraining=pretraining,
    )


def use_few_threads() -> None:
    """Compute with one thread in this process: two would wait for each other, or spin."""
    choose_threads(SETTING.batch_size, NoiseImages.image_shape, _CHANNELS)


# Seconds of the passes below on the machine that limits were set on, with nothing beside them.
PASSES_S = 0.2


def measured_slowness() -> float:
    """Return how many times slower this machine is now than the one that limits were set on.

    It is measured by two passes through a supernet like that of small trials, and is at least 1.
    """
    use_few_threads()
    net = Supernet(1, SETTING.ways, _CHANNELS)
    (pair,) = support_of()
    started = time.monotonic()
    for _ in range(2):
        ordinary(net, pair.weights, net.mixing(1.0))
    return max(1.0, (time.monotonic() - started) / PASSES_S)


def open_session(
    trial: Trial,
    send: Callable[[dict[str, Any]], None] = lambda _: None,
    device: str = "cpu",
) -> Session:
    """Return the session of a trial; machine readings are left out."""
    limits = TrialLimits(trial.budget, trial.device.profile.memory_limit_bytes)
    session = Session(trial, torch.device(device), limits, send, TrialReadings("emulated"))
    session.operation_latency = lambda *_: 0.0  # as on a device with a cost model
    return session


def reference_trial(profile: DeviceProfile, mode: DeviceMode) -> Trial:
    """Return a trial of the reference method on a device."""
    name = "reference"
    method = MethodIdentity(name=name, version="", distribution="", params={}, label=name)
    return _trial_of(method, profile, BUDGET, mode)


def _trial_of(
    method: MethodIdentity, profile: DeviceProfile, budget: Budget, mode: DeviceMode
) -> Trial:
    """Return a trial on images of noise; it is never planned, and leaves no record."""
    return Trial(
        method=method,
        dataset=DatasetIdentity(
            name="noise",
            params={},
            fingerprint=NoiseImages.fingerprint,
            image_shape=NoiseImages.image_shape,
            label="noise",
        ),
        setting=SETTING,
        device=DeviceIdentity(name=profile.name, params={}, mode=mode, profile=profile),
        budget=budget,
        seed=0,
    )


def _trial(subject: Subject, budget: Budget) -> Trial:
    return _trial_of(identify_method(subject.selection), _PROFILE, budget, "emulated")


def _watch(method: Any, watched: Watched) -> SearchMethod:
    """Record what a method returns, by wrapping its functions on the same object."""
    predict, state_dict = method.predict, method.state_dict

    def watched_predict(images: Tensor) -> Tensor:
        logits: Tensor = predict(images)
        with watched.session.counter.paused():
            watched.logits.append(logits.detach().clone())
        return logits

    def watched_state_dict() -> Mapping[str, Tensor]:
        state: Mapping[str, Tensor] = state_dict()
        watched.states.append({name: value.detach().clone() for name, value in state.items()})
        return state

    method.predict, method.state_dict = watched_predict, watched_state_dict
    watched_method: SearchMethod = method
    return watched_method
