"""Estimates as rows: each number with its unit, and the word that it is predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.cost_model.profile import Prediction, predict_seconds
from harness.devices.profile import DeviceProfile
from harness.estimate.estimates import Estimate

__all__ = ["DeviceRow", "EstimateRow", "row_of"]

MIB = 2**20


@dataclass(frozen=True)
class DeviceRow:
    """What a device makes of a search.

    Attributes:
        fits: whether it holds the search even at its largest; None where no limit is modelled or
            the search's memory is not known.
        search_time: of the search steps of one task, or of all epochs; None where the search does
            not fit, or the device has no cost model.
    """

    device: str
    model: str
    memory_limit_mib: float | None
    fits: bool | None
    search_time: Prediction | None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        time = self.search_time
        return {
            "device": self.device,
            "model": self.model,
            "memory_limit_mib": self.memory_limit_mib,
            "fits": self.fits,
            "search_time": {
                "value": time.value_s if time else None,
                "low": time.low_s if time else None,
                "high": time.high_s if time else None,
                "unit": "s",
                "source": "predicted",
            },
        }


@dataclass(frozen=True)
class EstimateRow:
    """One method on one setting, on every device that was asked for.

    Attributes:
        peak_memory_mib: where it depends on what the method chooses, the largest.
        lowest_memory_mib: the smallest; the same where nothing is chosen.
    """

    method: str
    dataset: str
    setting: str
    channels: int
    search_steps: int
    peak_memory_mib: float | None
    lowest_memory_mib: float | None
    storage_mib: float | None
    devices: tuple[DeviceRow, ...]
    error: str

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        peak = {"value": self.peak_memory_mib, "unit": "MiB", "source": "predicted"}
        spread = {"lowest": self.lowest_memory_mib, "highest": self.peak_memory_mib}
        return {
            "method": self.method,
            "dataset": self.dataset,
            "setting": self.setting,
            "channels": self.channels,
            "search_steps": self.search_steps,
            "peak_memory": {**peak, **spread},
            "storage": {"value": self.storage_mib, "unit": "MiB", "source": "predicted"},
            "devices": [device.to_json() for device in self.devices],
            "error": self.error or None,
        }


def row_of(estimate: Estimate) -> EstimateRow:
    """Return the row of an estimate."""
    search = estimate.search
    return EstimateRow(
        method=search.label,
        dataset=search.dataset,
        setting=str(search.setting),
        channels=search.channels,
        search_steps=search.steps,
        peak_memory_mib=_mib(estimate.peak_bytes),
        lowest_memory_mib=_mib(estimate.lowest_bytes),
        storage_mib=_mib(estimate.storage_bytes),
        devices=tuple(_on_device(estimate, profile) for profile in search.devices),
        error=estimate.error,
    )


def _on_device(estimate: Estimate, profile: DeviceProfile) -> DeviceRow:
    limit, peak, kernels = profile.memory_limit_bytes, estimate.peak_bytes, estimate.kernels
    fits = None if limit is None or peak is None else peak <= limit
    predicted = None
    if profile.cost is not None and kernels is not None and fits is not False:
        parallel = estimate.search.uses_threads
        predicted = predict_seconds(profile.cost, kernels, parallel=parallel)
    return DeviceRow(profile.name, profile.model, _mib(limit), fits, predicted)


def _mib(size: int | None) -> float | None:
    return None if size is None else size / MIB
