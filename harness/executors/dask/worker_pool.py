"""Which workers there are for a device, and what the device is there; they come and go in a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from harness.contracts import Device, DeviceMode
from harness.errors import UsageError
from harness.executors.dask.connection import FleetError, SchedulerConnection
from harness.experiment.trial import DeviceIdentity
from harness.plugins.loading import in_one_line, load_plugins
from harness.plugins.selection import Selection

__all__ = ["WorkerPool", "mode_on_workers"]

LOOK_EVERY_S = 1.0


class WorkerPool:
    """Counts the workers that offer a device, and says so when there are none."""

    def __init__(self, connection: SchedulerConnection, say: Callable[[str], None]) -> None:
        """Look at nobody yet."""
        self._connection, self._say = connection, say
        self._offers: dict[str, frozenset[str]] = {}
        self._looked_at = -LOOK_EVERY_S
        self._missed: set[str] = set()  # devices whose absence was reported

    def count(self, device: str) -> int:
        """Return how many workers offer a device now."""
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S and self._connection.stands:
            self._looked_at = time.monotonic()
            with suppress(OSError):  # a connection that is cut just now
                self._offers = self._connection.offers()
        count = sum(device in offered for offered in self._offers.values())
        if count:
            self._missed.discard(device)
        elif device not in self._missed:
            self._missed.add(device)
            self._say(
                f"Waiting for a worker that offers '{device}' (there are {len(self._offers)} at "
                f"{self._connection.where}); start one with --resources '{device}=1'."
            )
        return count


def mode_on_workers(
    connection: SchedulerConnection, selection: Selection, device: Device
) -> DeviceMode:
    """Return what a device is on the workers that offer it.

    Raises:
        UsageError: no worker offers the device, it cannot be used there, or workers differ.
    """
    name = selection.name
    offering = sorted(where for where, offered in connection.offers().items() if name in offered)
    if not offering:
        raise UsageError(
            f"no worker at {connection.where} offers device '{name}'; start one with "
            f"--resources '{name}=1', or say --mode to wait for one"
        )
    identity = DeviceIdentity(
        name=name, params=selection.params, mode="emulated", profile=device.profile
    )
    try:
        modes = connection.client.run(_mode_here, identity.model_dump_json(), workers=offering)
    except Exception as error:  # whatever goes wrong on another machine
        raise FleetError(
            f"a worker at {connection.where} cannot say what device '{name}' is there "
            f"({in_one_line(error)}); install the same onnas-harness there, with its extra 'dask'"
        ) from None
    return _common(name, modes)


def _common(name: str, modes: dict[str, DeviceMode | None]) -> DeviceMode:
    found = dict(sorted((str(mode), where) for where, mode in modes.items()))
    if len(found) > 1:
        told = " and ".join(f"{mode} at {where}" for mode, where in found.items())
        raise UsageError(f"device '{name}' is {told}; choose with --mode")
    (mode,) = set(modes.values())
    if mode is None:
        raise UsageError(f"device '{name}' is not at hand on the workers that offer it")
    return mode


def _mode_here(identity_json: str) -> DeviceMode | None:
    from harness.devices.at_hand import mode_here  # noqa: PLC0415 - runs on the worker
    from harness.runtime.factory import make_device  # noqa: PLC0415 - as above

    identity = DeviceIdentity.model_validate_json(identity_json)
    return mode_here(make_device(load_plugins(), identity))
