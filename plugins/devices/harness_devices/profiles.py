"""Reads the profiles that lie beside the devices."""

from importlib.resources import files

from harness.devices.profile import DeviceProfile, parse_profile

__all__ = ["built_in_profile"]


def built_in_profile(name: str) -> DeviceProfile:
    """Return the profile `name`.toml of this package."""
    file = files(__package__).joinpath(f"{name}.toml")
    return parse_profile(file.read_text(encoding="utf-8"), str(file))
