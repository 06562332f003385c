"""Creates the methods, devices and data sets that a job names, from this process's plugins."""

from __future__ import annotations

from typing import Any, Protocol

from harness.contracts import DataRequest, Dataset, Device, ShowsImages
from harness.devices.at_hand import ProfiledDevice, choose_mode
from harness.experiment.trial import DatasetIdentity, DeviceIdentity
from harness.plugins.loading import Plugins
from harness.plugins.registry import Kind
from harness.plugins.selection import recreate
from harness.runtime.job import Job

__all__ = ["create", "make_device", "open_dataset", "open_device", "shows_images"]


class Named(Protocol):
    """Part of a trial's identity."""

    @property
    def name(self) -> str:
        """The name that a plugin registered."""

    @property
    def params(self) -> dict[str, Any]:
        """Its parameters as JSON values."""


def create(plugins: Plugins, kind: Kind, identity: Named) -> Any:
    """Call the target of a name with its parameters."""
    return recreate(plugins, kind, identity.name, identity.params).create()


def open_device(plugins: Plugins, identity: DeviceIdentity) -> Device:
    """Make the device of a job.

    Raises:
        NotAtHandError: it was planned as measured, and this machine is not the device any more.
    """
    device = make_device(plugins, identity)
    choose_mode(identity.name, device, identity.mode)
    return device


def make_device(plugins: Plugins, identity: DeviceIdentity) -> Device:
    """Make a device; if a file describes it, from the profile that the run was planned with."""
    registry = plugins.registry
    has_class = (
        identity.name in registry.names("device")
        and not registry.get("device", identity.name).is_file
    )
    device: Device = (
        create(plugins, "device", identity) if has_class else ProfiledDevice(identity.profile)
    )
    return device


def open_dataset(plugins: Plugins, identity: DatasetIdentity, job: Job) -> Dataset:
    """Prepare the data set of a job.

    Raises:
        RuntimeError: its images are not those that the run was planned with.
    """
    request = DataRequest(data_root=job.data_root, cache_root=job.cache_root, report=print)
    dataset: Dataset = create(plugins, "dataset", identity).prepare(request)
    if dataset.fingerprint != identity.fingerprint:
        raise RuntimeError(
            f"data set {identity.name} has changed since the run was planned: fingerprint "
            f"{dataset.fingerprint[:12]} instead of {identity.fingerprint[:12]}"
        )
    return dataset


def shows_images(plugins: Plugins, identity: DatasetIdentity) -> bool:
    """Tell whether the provider of a data set permits showing a few of its images."""
    provider = create(plugins, "dataset", identity)
    return isinstance(provider, ShowsImages) and provider.shows_images()
