"""Joules: from a counter where there is one, and otherwise from power over time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.devices.readings.nvml import Card, card_of
from harness.devices.readings.rails import find_input_rail
from harness.devices.readings.recognition import has_unified_memory
from harness.devices.readings.tree import Tree, UnreadableError

if TYPE_CHECKING:
    import torch

__all__ = ["EnergySource", "find_energy_source"]

LONGEST_GAP_S = 2.0  # between samples of power


@dataclass(frozen=True)
class EnergySource:
    """Something that tells the joules between two looks at it."""

    read: Callable[[], float]  # joules since any moment, or watts now; raises `UnreadableError`
    counts: bool  # it is joules: exact, however far apart the looks are
    source: str  # the path or interface that is read

    @property
    def longest_gap_s(self) -> float:
        """How far apart two looks may be, in seconds, for what lies between to be known."""
        return math.inf if self.counts else LONGEST_GAP_S

    def joules(self, first: float, second: float, seconds: float) -> float:
        """Return the joules between two looks that are `seconds` apart; power by the trapezoid."""
        return second - first if self.counts else (first + second) / 2 * seconds


def find_energy_source(tree: Tree, device: torch.device) -> EnergySource:
    """Return what tells the energy of trials on `device`: the board's, or else the card's.

    Raises:
        UnreadableError: nothing does; the message says why.
    """
    try:
        rail = find_input_rail(tree)
        rail.power_w()
        return EnergySource(rail.power_w, False, rail.source)
    except UnreadableError:
        # NVML answers for this machine, not for a recorded one; and on a Tegra it knows the GPU,
        # but neither its power nor its energy.
        is_here = tree.root == Path("/")
        if device.type != "cuda" or not is_here or has_unified_memory(tree.root):
            raise
    return _of_card(_card(device))


def _of_card(card: Card) -> EnergySource:
    try:
        card.energy_j()
    except UnreadableError:
        card.power_w()
        return EnergySource(card.power_w, False, f"NVML power of {card.name}")
    return EnergySource(card.energy_j, True, f"NVML energy counter of {card.name}")


def _card(device: torch.device) -> Card:
    import torch  # noqa: PLC0415 - this module serves commands that compute nothing, too

    properties = torch.cuda.get_device_properties(device)
    uuid = getattr(properties, "uuid", None)  # not in every release
    return card_of(properties.name, None if uuid is None else str(uuid))
