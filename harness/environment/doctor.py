"""Checks that everything a run needs is there, and says what to do where it is not."""

from __future__ import annotations

import platform
import shutil
import tempfile
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.devices.at_hand import mode_here
from harness.environment.torchmeta import INSTALL, is_installed, load_torchmeta
from harness.errors import HarnessError
from harness.plugins.loading import in_one_line
from harness.plugins.selection import select
from harness.plugins.targets import needs_parameters

if TYPE_CHECKING:
    from harness.contracts import Device
    from harness.plugins.loading import Plugins
    from harness.plugins.registry import Entry

__all__ = ["Check", "Folders", "examine"]

ENOUGH_BYTES = 2**30  # the decoded images of a data set take hundreds of megabytes


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    subject: str
    status: Literal["ok", "warning", "problem"]
    finding: str
    advice: str = ""  # what to do, or what could be done; empty where there is nothing


@dataclass(frozen=True)
class Folders:
    """The folders that a run reads and writes."""

    data_root: Path | None
    cache_root: Path
    run_root: Path


def examine(plugins: Plugins, folders: Folders) -> list[Check]:
    """Look at the interpreter, the libraries, the folders, the plugins and the devices."""
    return [
        Check("python", "ok", platform.python_version()),
        *(_check_library(name) for name in ("torch", "torchvision")),
        _check_torchmeta(),
        _check_fonts(),
        _check_data_root(folders.data_root),
        _check_writable("cache folder", folders.cache_root, "--cache-root"),
        _check_writable("run folder", folders.run_root, "--output"),
        *_check_plugins(plugins),
        *(_check_device(plugins, entry) for entry in plugins.registry.entries("device")),
    ]


def _check_library(name: str) -> Check:
    """Import a library: builds of torch and torchvision that do not match fail only then."""
    try:
        version = import_module(name).__version__
    except Exception as error:
        return Check(
            name,
            "problem",
            f"cannot be imported: {in_one_line(error)}",
            "install torch and torchvision together: pip install --upgrade torch torchvision",
        )
    return Check(name, "ok", str(version))


def _check_torchmeta() -> Check:
    """Import torchmeta, which is optional, with the repairs that it needs."""
    if not is_installed():
        how = " and then ".join(f"'{command}'" for command in INSTALL)
        finding = "not installed, and needed only by the data set torchmeta"
        return Check("torchmeta", "ok", finding, f"to use that data set: {how}")
    try:
        version = load_torchmeta().__version__
    except HarnessError as error:
        return Check("torchmeta", "warning", "installed, but of no use", str(error))
    return Check("torchmeta", "ok", f"{version}, repaired to work beside this torch")


def _check_fonts() -> Check:
    """Count the fonts that matplotlib ships, which the data set `glyphs` is drawn from."""
    spec = find_spec("matplotlib")
    folders = spec.submodule_search_locations if spec is not None else None
    fonts = [
        font
        for folder in folders or ()
        for font in Path(folder).joinpath("mpl-data", "fonts", "ttf").glob("*.ttf")
    ]
    if not fonts:
        advice = "reinstall it: pip install --force-reinstall matplotlib"
        return Check("fonts", "problem", "matplotlib and its fonts are not there", advice)
    return Check("fonts", "ok", f"{len(fonts)} font files of matplotlib")


def _check_data_root(data_root: Path | None) -> Check:
    if data_root is None:
        return Check("data root", "ok", "none given; named data sets are downloaded when needed")
    if not data_root.is_dir():
        advice = "correct --data-root or HARNESS_DATA"
        return Check("data root", "problem", f"there is no folder {data_root}", advice)
    return Check("data root", "ok", str(data_root))


def _check_writable(subject: str, folder: Path, option: str) -> Check:
    """Write a file into a folder, or into the nearest one that a run would make it in."""
    absolute = folder.absolute()
    there = next(each for each in (absolute, *absolute.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        finding = f"{folder} cannot be written to: {error.strerror or error}"
        return Check(subject, "problem", finding, f"choose another with {option}")
    free = shutil.disk_usage(there).free
    if free < ENOUGH_BYTES:
        finding = f"{folder} is on a disk with {free / 2**20:,.0f} MiB left"
        return Check(subject, "warning", finding, f"make room or choose another with {option}")
    return Check(subject, "ok", str(folder))


def _check_plugins(plugins: Plugins) -> list[Check]:
    used = [
        Check(f"plugin {source.name}", "ok", f"{source.distribution} {source.version}")
        for source in plugins.sources
    ]
    unused = [
        Check(
            f"plugin {each.plugin.name}",
            "problem",
            f"not used: {each.reason}",
            each.plugin.remedy,
        )
        for each in plugins.problems
    ]
    contested = [
        Check(
            f"{each.kind} {each.name}",
            "problem",
            "claimed by " + " and by ".join(map(str, each.plugins)),
            "keep one of them",
        )
        for each in plugins.registry.conflicts()
    ]
    return used + unused + contested


def _check_device(plugins: Plugins, entry: Entry) -> Check:
    subject = f"device {entry.name}"
    try:
        if needs_parameters(entry):
            return Check(subject, "ok", "takes parameters, so it is not looked at here")
        device: Device = select(plugins, "device", entry.name)[0].create()
        mode = mode_here(device)
        if mode is None:
            return Check(subject, "ok", "not at hand, and it has nothing to emulate")
        return Check(subject, "ok", f"{mode}, computes on {device.torch_device()}")
    except Exception as error:
        reason = str(error) if isinstance(error, HarnessError) else in_one_line(error)
        return Check(subject, "problem", reason, entry.plugin.remedy)
