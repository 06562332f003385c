"""What a device is on the workers that offer it: measured there, emulated, or not to be used."""

from __future__ import annotations

from harness.contracts import Device, DeviceMode
from harness.errors import UsageError
from harness.executors.dask.errors import FleetError
from harness.executors.dask.link import Link
from harness.experiment.trial import DeviceIdentity
from harness.plugins.loading import in_one_line, load_plugins
from harness.plugins.selection import Selection

__all__ = ["mode_on_workers"]


def mode_on_workers(
    link: Link, selection: Selection, device: Device, wanted: DeviceMode | None
) -> DeviceMode:
    """Return the mode of trials on a device.

    Where a person has said it, the worker that runs a trial holds it to that.

    Raises:
        UsageError: no worker offers the device, it cannot be used there, or workers differ.
    """
    if wanted is not None:
        return wanted
    name = selection.name
    offering = sorted(where for where, offered in link.offers().items() if name in offered)
    if not offering:
        raise UsageError(
            f"no worker at {link.where} offers device '{name}'; start one with "
            f"--resources '{name}=1', or say --mode to wait for one"
        )
    identity = DeviceIdentity(
        name=name, params=selection.params, mode="emulated", profile=device.profile
    )
    try:
        modes = link.client.run(_mode_here, identity.model_dump_json(), workers=offering)
    except Exception as error:  # whatever goes wrong on another machine
        raise FleetError(
            f"a worker at {link.where} cannot say what device '{name}' is there "
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
    from harness.trials.factory import make_device  # noqa: PLC0415 - as above

    identity = DeviceIdentity.model_validate_json(identity_json)
    return mode_here(make_device(load_plugins(), identity))
