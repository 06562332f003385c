"""The state survives its file; a pretrained method goes on from there as if nothing had been."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save
from torch import Tensor

from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import BUDGET, begin, context_for, support_of
from harness.contracts import MetaTask, PretrainedMethod, SearchMethod

__all__ = ["RULE"]

State = dict[str, Tensor]


def _check(subject: Subject) -> None:
    pretrained = isinstance(subject.create(), PretrainedMethod)
    method = begin(subject, context_for(pretraining=pretrained))
    if isinstance(method, PretrainedMethod):
        _check_adaptation(method)
    else:
        method.search_step(support_of())
    state = _state(method)
    stored = _through_a_file(state)
    _compare(state, stored, "after it was written to a safetensors file and read again")
    if pretrained:
        resumed = begin(subject, context_for(initial_state=stored, pretraining=True))
        _compare(stored, _state(resumed), "once it is the initial state of pretraining")
        begin(subject, context_for(initial_state=stored)).search_step(support_of())


def _check_adaptation(method: PretrainedMethod) -> None:
    """Learn a meta-epoch of two tasks; neither may move the meta parameters."""
    meta = _state(method)  # type: ignore[arg-type] # a pretrained method has a state, too
    adapted = []
    for _ in range(2):
        steps = [support_of() for _ in range(BUDGET.meta_steps)]
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
            raise BrokenRuleError(f"the tensor '{name}' is another one {when}")


RULE = Rule(
    "state-round-trips",
    "state_dict names tensors that survive a safetensors file to the bit; adapt leaves it alone; "
    "and handed back as initial_state, it is the state from which pretraining goes on",
    _check,
)
