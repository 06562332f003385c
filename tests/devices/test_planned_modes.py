"""A plan says of each device whether it is measured or emulated, and refuses what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.contracts import DataRequest
from harness.errors import UsageError
from harness.experiment.suite import SuiteEntry
from harness.experiment.trial import Trial
from harness.planning.planner import Planner
from harness.plugins.loading import load_plugins
from harness.plugins.profile_files import DEVICES_VARIABLE

Install = Callable[[str, str], Path]
Machine = Callable[..., None]

CARD = "NVIDIA GeForce RTX 3090"

PLUGIN = """
from harness import hookimpl
from harness.contracts import SplitSummary

@hookimpl
def harness_register_datasets(register):
    register("none", "no_images:Nothing")

@hookimpl
def harness_register_devices(register):
    register("broken", "no_such_module:Device")

class Nothing:
    fingerprint, kind, image_shape = "0", "few-shot", (1, 8, 8)
    splits = {"test": SplitSummary(classes=20, images_per_class=40)}

    def prepare(self, request):
        request.report("images are decoded")
        return self
"""


@pytest.fixture
def planned(
    plugin_factory: Install, tmp_path: Path, said: list[str]
) -> Callable[..., dict[str, Trial]]:
    """Return `planned(**entry)`: the trials of one block by the name of their device."""
    plugin_factory("no-images", PLUGIN)

    def planned(**entry: Any) -> dict[str, Trial]:
        block = SuiteEntry(
            methods=["random"], datasets=["none"], budget="tasks=1,meta_epochs=0", **entry
        )
        trials = Planner(load_plugins(), DataRequest(None, tmp_path, said.append)).trials([block])
        return {trial.device.name: trial for trial in trials}

    return planned


@pytest.fixture
def said() -> list[str]:
    return []


def test_mode_is_what_the_device_is_here(
    planned: Callable[..., dict[str, Trial]], machine: Machine
) -> None:
    """Unless something is asked for, what is at hand is measured and the rest emulated."""
    machine([CARD], [CARD])
    trials = planned(devices=["rtx3090", "jetson", "cuda", "cpu"])
    assert {name: trial.device.mode for name, trial in trials.items()} == {
        "rtx3090": "measured",
        "jetson": "emulated",
        "cuda": "measured",
        "cpu": "measured",
    }


def test_emulation_of_what_is_at_hand_is_another_trial(
    planned: Callable[..., dict[str, Trial]], machine: Machine
) -> None:
    """What was asked for is in the trial, and in its key: neither can pass for the other."""
    machine([CARD], [CARD])
    for name in ("rtx3090", "cpu", "cuda"):
        measured = planned(devices=[name], mode="measured")[name]
        emulated = planned(devices=[name], mode="emulated")[name]
        assert (measured.device.mode, emulated.device.mode) == ("measured", "emulated")
        assert measured.key == planned(devices=[name])[name].key != emulated.key


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("jetson", "measured", "device 'jetson' cannot be measured here: it goes by '*Jetson Nano"),
        ("cuda", None, "device 'cuda' cannot be used here: torch finds no CUDA GPU"),
        ("cuda", "measured", "device 'cuda' cannot be used here: torch finds no CUDA GPU"),
        ("cuda", "emulated", "device 'cuda' cannot be used here: torch finds no CUDA GPU"),
    ],
)
def test_what_is_not_at_hand_is_refused_before_images_are_decoded(
    planned: Callable[..., dict[str, Trial]],
    machine: Machine,
    said: list[str],
    name: str,
    mode: str | None,
    words: str,
) -> None:
    """A device that cannot be used as asked for is one sentence, and nobody waits for it."""
    machine([], [])
    with pytest.raises(UsageError, match=f"^{words.replace('*', '[*]')}"):
        planned(devices=[name], mode=mode)
    assert said == []


def test_all_passes_over_what_cannot_be_used(
    planned: Callable[..., dict[str, Trial]], machine: Machine, said: list[str]
) -> None:
    """Each device that cannot be used, or is broken, is one line; the others are planned."""
    machine([], [])
    assert set(planned(devices=["all"])) >= {"cpu", "jetson", "jetson-orin-nano", "rtx3090"}
    broken, cuda, *rest = said
    assert broken.startswith("broken is passed over: plugin 'no-images'")
    assert cuda.startswith("cuda is passed over: device 'cuda' cannot be used here: ")
    assert rest == ["images are decoded"]


def test_all_that_is_measured_may_be_the_processor_alone(
    planned: Callable[..., dict[str, Trial]],
    machine: Machine,
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With `measured`, `all` is what is at hand; a person's own board is passed over too."""
    machine([], [])
    (tmp_path / "b.toml").write_text('name = "b"\nmodel = "B"\nkind = "cpu"\n')
    monkeypatch.setenv(DEVICES_VARIABLE, str(tmp_path / "b.toml"))
    assert set(planned(devices=["all"], mode="measured")) == {"cpu"}
    assert any(line.startswith("b is passed over: device 'b' cannot be used") for line in said)
