"""The reporter `tensorboard`, read back as TensorBoard itself reads event files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.experiment.trial import Trial

pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")

Told = Callable[..., Trial]


def read(folder: Path, trial: Trial) -> Any:
    """What TensorBoard sees of a trial."""
    from tensorboard.backend.event_processing.event_accumulator import (  # noqa: PLC0415 - an extra
        EventAccumulator,
    )

    events = EventAccumulator(str(folder / "tensorboard" / trial.folder_name))
    return events.Reload()


def values(events: Any, tag: str) -> list[tuple[int, float]]:
    """The steps and values of a scalar."""
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_scalars_stand_under_what_they_are(told: Told, tmp_path: Path) -> None:
    """Each number is a scalar whose tag begins with its source; a step's time is not emulated."""
    trial = told("tensorboard", "emulated", steps=2)
    events = read(tmp_path, trial)
    assert set(events.Tags()["scalars"]) == {
        "emulated/step_loss_nats",
        "emulated/step_accuracy_percent",
        "emulated/step_memory_mib",
        "emulated/peak_memory_mib",
        "predicted/search_time_s",
        "predicted/search_time_s_low",
        "predicted/search_time_s_high",
    }
    assert values(events, "emulated/step_loss_nats") == [(1, 1.5), (2, 1.5)]
    assert values(events, "predicted/search_time_s") == [(2, 4.0)]


def test_a_second_try_voids_the_first(told: Told, tmp_path: Path) -> None:
    """A trial that was broken off and runs again has the steps of its second try alone."""
    told("tensorboard", steps=3)
    trial = told("tensorboard", steps=2)
    assert values(read(tmp_path, trial), "measured/step_loss_nats") == [(1, 1.5), (2, 1.5)]


def test_how_a_trial_ended_is_text_and_no_markup(told: Told, tmp_path: Path) -> None:
    """The status is there, and an error's message is code on one line."""
    trial = told("tensorboard", steps=0, error="# a [link](x)\n# more")
    (event,) = read(tmp_path, trial).Tensors("status")
    assert event.tensor_proto.string_val[0].decode() == "error\n\n    # a [link](x) # more"
