"""Energy of NVIDIA's cards: what NVML answers, which card is meant, and what is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from harness.devices.readings.energy import card_of, cards, find_energy_source
from harness.devices.readings.linux import ReadingError, Tree
from harness.devices.readings.probe import probe

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


class NVMLError(Exception):
    """As the library's own."""


class Library(SimpleNamespace):
    """What `pynvml` is to the harness: two cards, the second of which has no sensors."""

    names = ("NVIDIA GeForce RTX 3090", "NVIDIA GeForce GT 710")

    def nvmlInit(self) -> None: ...  # noqa: N802 - the library's names

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.names)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:  # noqa: N802
        return {"GPU-1111": 0, "GPU-2222": 1}[uuid]

    def nvmlDeviceGetName(self, handle: int) -> str:  # noqa: N802
        return self.names[handle]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802
        return self._of(handle, 1_234_567)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802
        return self._of(handle, 350_000)

    def _of(self, handle: int, value: int) -> int:
        if handle == 1:
            raise NVMLError("Not Supported")
        return value


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    """Put the stand-in in the library's place."""
    stand_in = Library()
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)
    return stand_in


@pytest.mark.usefixtures("library")
def test_a_card_answers_in_joules_and_watts() -> None:
    """NVML counts in thousandths of both."""
    card, _ = cards()
    assert card.energy_j() == 1234.567
    assert card.power_w() == 350.0


@pytest.mark.usefixtures("library")
def test_a_card_without_a_sensor_is_a_note() -> None:
    """What a card does not support is missing, in the driver's words."""
    with pytest.raises(ReadingError, match="NVML: Not Supported"):
        cards()[1].energy_j()


@pytest.mark.usefixtures("library")
def test_torchs_card_is_found_among_nvmls() -> None:
    """By its own number where torch tells it, and otherwise by a name that only one has."""
    assert card_of("any", "2222").name == "NVIDIA GeForce GT 710"
    assert card_of("NVIDIA GeForce RTX 3090", None).handle == 0
    with pytest.raises(ReadingError, match="there are 0 cards with the name NVIDIA H200"):
        card_of("NVIDIA H200", None)


def test_two_cards_of_one_name_are_not_guessed(library: Library) -> None:
    """The wrong card's energy would be worse than none."""
    library.names = ("NVIDIA A100", "NVIDIA A100")
    with pytest.raises(ReadingError, match="there are 2 cards"):
        card_of("NVIDIA A100", None)


def test_without_the_library_a_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """`nvidia-ml-py` is optional."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(ReadingError, match="nvidia-ml-py is not installed"):
        cards()


def test_without_a_driver_a_note_says_so(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library alone is of no use."""

    def fail() -> None:
        raise NVMLError("Driver Not Loaded")

    monkeypatch.setattr(library, "nvmlInit", fail)
    with pytest.raises(ReadingError, match="NVML: Driver Not Loaded"):
        cards()


@pytest.fixture
def on_card(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | None], None]:
    """Return a function that has torch compute on a card."""

    def choose(name: str, uuid: str | None) -> None:
        properties = SimpleNamespace(name=name, uuid=uuid)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)

    return choose


@pytest.mark.usefixtures("library")
def test_a_counter_goes_before_power(on_card: Callable[[str, str | None], None]) -> None:
    """The counter misses nothing, so it is what a trial on the card is measured with."""
    on_card("NVIDIA GeForce RTX 3090", "1111")
    source = find_energy_source(Tree(Path("/")), CUDA)
    assert source.counts
    assert source.source == "NVML energy counter of NVIDIA GeForce RTX 3090"


def test_without_a_counter_power_is_sampled(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    on_card: Callable[[str, str | None], None],
) -> None:
    """Cards before Volta have no counter."""

    def fail(_: int) -> int:
        raise NVMLError("Not Supported")

    monkeypatch.setattr(library, "nvmlDeviceGetTotalEnergyConsumption", fail)
    on_card("NVIDIA GeForce RTX 3090", None)
    source = find_energy_source(Tree(Path("/")), CUDA)
    assert not source.counts
    assert source.read() == 350.0


@pytest.mark.usefixtures("library")
def test_a_trial_on_the_processor_is_not_the_cards() -> None:
    """A card that idles beside it says nothing about the trial."""
    with pytest.raises(ReadingError, match="no INA3221"):
        find_energy_source(Tree(Path("/")), CPU)


@pytest.mark.usefixtures("library")
def test_the_probe_lists_every_card() -> None:
    """One with its counter, one with the reason why it has none."""
    counters = [reading for reading in probe() if reading.name == "gpu_energy"]
    assert [reading.value for reading in counters] == [1234.567, None]
    assert counters[1].note == "NVML: Not Supported"
