"""Rules for repeating, resuming and interrupting a search: only the seed decides its result."""

from __future__ import annotations

import os
import select
import signal
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save
from torch import Tensor

from harness.conformance.rule import (
    BrokenRuleError,
    NotApplicableError,
    NotDecidedError,
    Rule,
    Subject,
)
from harness.conformance.trials import (
    BUDGET,
    Watched,
    begin,
    budget_for,
    context_for,
    run,
    support_of,
)
from harness.contracts import MetaTask, PretrainedMethod, SearchMethod

__all__ = ["INTERRUPTION_IS_CLEAN", "SAME_SEED_SAME_RESULT", "STATE_ROUND_TRIPS"]

# The same seed gives the same result, to the bit.


def _check_seed(subject: Subject) -> None:
    first, second = run(subject), run(subject)
    for what, one, other in _readings(first, second):
        if one != other:
            raise BrokenRuleError(f"two trials with one seed differ in {what}: {one} and {other}")
    if not _same(first.logits, second.logits):
        raise BrokenRuleError("two trials with one seed differ in the logits that they predict")
    for task, (one_state, other_state) in enumerate(zip(first.states, second.states, strict=True)):
        if name := _difference(one_state, other_state):
            raise BrokenRuleError(
                f"two trials with one seed differ in the tensor '{name}' after task {task + 1}"
            )


def _readings(first: Watched, second: Watched) -> list[tuple[str, object, object]]:
    one, other = first.session, second.session
    return [
        ("the architecture", one.architectures, other.architectures),
        ("peak memory, in bytes", one.peak_bytes, other.peak_bytes),
        ("storage, in bytes", one.storage_bytes, other.storage_bytes),
    ]


def _same(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))


def _difference(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> str:
    """Name a tensor that is not in both states, or not the same there; empty if all are."""
    for name in sorted(first.keys() | second.keys()):
        if name not in first or name not in second or not torch.equal(first[name], second[name]):
            return name
    return ""


SAME_SEED_SAME_RESULT = Rule(
    "same-seed-same-result",
    "two trials with the same seed end in the same architecture, tensors, logits and memory, to "
    "the bit: all that is drawn comes from the context's generator, or from torch's own, which "
    "the harness seeds",
    _check_seed,
)


# The state survives its file; a pretrained method goes on from there as if nothing had been.


State = dict[str, Tensor]


def _check_state(subject: Subject) -> None:
    pretrained = isinstance(subject.create(), PretrainedMethod)
    method = begin(subject, context_for(pretraining=pretrained))
    if isinstance(method, PretrainedMethod):
        _check_adaptation(method, budget_for(subject).meta_steps)
    else:
        method.search_step(support_of())
    state = _state(method)
    stored = _through_a_file(state)
    _compare(state, stored, "after it was written to a safetensors file and read again")
    if pretrained:
        resumed = begin(subject, context_for(initial_state=stored, pretraining=True))
        _compare(stored, _state(resumed), "once it is the initial state of pretraining")
        begin(subject, context_for(initial_state=stored)).search_step(support_of())


def _check_adaptation(method: PretrainedMethod, meta_steps: int) -> None:
    """Learn a meta-epoch of two tasks; neither may move the meta parameters."""
    meta = _state(method)  # type: ignore[arg-type] # a pretrained method has a state, too
    adapted = []
    for _ in range(2):
        steps = [support_of() for _ in range(meta_steps)]
        adaptation = method.adapt(MetaTask(steps=steps, warm_up=False))
        adapted.append(_through_a_file(dict(adaptation.parameters)))
        _compare(meta, _state(method), "after adapt")  # type: ignore[arg-type] # as above
    method.meta_update(adapted)


def _state(method: SearchMethod) -> State:
    state = method.state_dict()
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise BrokenRuleError(f"state_dict has {name!r} with a {type(value).__name__}")
    if not state:
        raise BrokenRuleError("state_dict is empty, so that the device would store nothing")
    return {name: value.detach().clone() for name, value in state.items()}


def _through_a_file(state: State) -> State:
    """Write a state as a checkpoint is written, and read it again."""
    arrays = {name: _array(name, value) for name, value in state.items()}
    return {name: torch.tensor(array) for name, array in load(save(arrays)).items()}


def _array(name: str, value: Tensor) -> NDArray[np.generic]:
    try:
        array: NDArray[np.generic] = value.detach().cpu().contiguous().numpy()
    except TypeError:
        raise BrokenRuleError(
            f"the tensor '{name}' is {value.dtype}, which a checkpoint cannot hold"
        ) from None
    return array


def _compare(before: Mapping[str, Tensor], after: Mapping[str, Tensor], when: str) -> None:
    if missing := sorted(before.keys() ^ after.keys()):
        raise BrokenRuleError(f"the state has other names {when}: '{missing[0]}'")
    for name, value in before.items():
        if value.dtype != after[name].dtype or not torch.equal(value, after[name]):
            raise BrokenRuleError(f"the tensor '{name}' differs {when}")


STATE_ROUND_TRIPS = Rule(
    "state-round-trips",
    "state_dict names tensors that survive a safetensors file to the bit; adapt leaves it alone; "
    "and handed back as initial_state, it is the state from which pretraining goes on",
    _check_state,
)


# A trial that is ended in the middle of a search leaves no process and no file behind.


# As long as a thorough check may take on a machine that is as fast as the one they were set on.
START_S = 120.0  # for the first search step
END_S = 8.0  # for a helper that notices that its parent is gone; torch's own look every 5 s


def _check_interruption(subject: Subject) -> None:
    if not hasattr(os, "fork"):
        raise NotApplicableError("it needs a system that forks")
    with tempfile.TemporaryDirectory() as folder:
        process = _start(subject, folder)
        os.kill(process, signal.SIGKILL)  # as the harness ends a trial
        os.waitpid(process, 0)
        try:
            _check_processes(process, END_S * subject.conditions.slowness)
            _check_files(Path(folder))
        finally:
            _end_group(process)


def _start(subject: Subject, folder: str) -> int:
    """Start a trial in a session of its own, and return its process after the first step."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of threads, which a copy lacks; checks have none that hold anything.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process == 0:
        os.close(ours)
        _search_on(subject, folder, theirs)
    os.close(theirs)
    try:
        _await_step(ours, subject.conditions.limit_of(START_S))
    except (BrokenRuleError, NotDecidedError):
        _end_group(process)
        raise
    finally:
        os.close(ours)
    return process


def _await_step(told: int, limit_s: float | None) -> None:
    """Wait for the first step, of which `told` has a byte, or the error that was there instead."""
    ready, _, _ = select.select([told], [], [], limit_s)
    if not ready:
        raise NotDecidedError(f"its first search step had not finished after {limit_s:.3g} s")
    answer = os.read(told, MESSAGE)
    if answer != STEP_DONE:
        cause, _, message = answer.decode().partition("\n")
        raise BrokenRuleError(message or "its trial ended before its first search step", cause)


STEP_DONE = b"."
MESSAGE = 4096  # bytes, which a pipe takes at once


def _search_on(subject: Subject, folder: str, told: int) -> NoReturn:
    """Search in `folder` without end; write a byte after the first step, or what ended it."""
    os.setsid()
    os.chdir(folder)
    os.environ["TMPDIR"] = tempfile.tempdir = folder

    def send(event: dict[str, Any]) -> None:
        if event["task"] == event["step"] == 0:
            os.write(told, STEP_DONE)

    try:
        run(subject, budget=BUDGET.model_copy(update={"search_steps": 10**6}), send=send)
    except BrokenRuleError as error:
        os.write(told, f"{error.cause}\n{error}".encode()[:MESSAGE])
    finally:
        os._exit(1)


def _check_processes(group: int, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while _is_alive(group):
        if time.monotonic() > deadline:
            raise BrokenRuleError(
                f"a process that it had started was still running {limit_s:.3g} s after its trial "
                "was ended"
            )
        time.sleep(0.05)


def _check_files(folder: Path) -> None:
    if left := sorted(str(path.relative_to(folder)) for path in folder.rglob("*")):
        raise BrokenRuleError(f"it left '{left[0]}' in the working or temporary folder")


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _end_group(group: int) -> None:
    if _is_alive(group):
        os.killpg(group, signal.SIGKILL)


INTERRUPTION_IS_CLEAN = Rule(
    "interruption-is-clean",
    "a trial that is ended in the middle of a search leaves no process and no file behind: a "
    "method starts no helpers that outlive it, and keeps its state in memory",
    _check_interruption,
)
