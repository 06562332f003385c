"""The device profile of the machine at hand's processor."""

from __future__ import annotations

from datetime import datetime, timezone

from harness.cost_model.profile import CostProfile
from harness.devices.profile import ANY_MACHINE, DeviceProfile
from harness.devices.readings.machine import describe_environment

__all__ = ["processor_profile", "provenance"]


def provenance(networks: int) -> str:
    """Say on what and with what so many networks were measured."""
    here = describe_environment()
    today = datetime.now(timezone.utc).date().isoformat()
    return (
        f"harness {here['harness']} devices calibrate, {today}: {networks} networks of the search "
        f"space, measured on {here['processor']} with {here['torch_threads']} threads for large "
        f"batches and one for small ones, torch {here['torch']}; each was predicted by a fit to "
        "the others"
    )


def processor_profile(name: str, cost: CostProfile) -> DeviceProfile:
    """Return a profile without a memory limit, as of the built-in `cpu`, with this cost model."""
    processor = describe_environment()["processor"] or "a processor"
    return DeviceProfile(
        name=name,
        model=f"{processor}, calibrated",
        kind="cpu",
        recognised_by=[ANY_MACHINE],
        cost=cost,
    )
