"""This machine: its description for records, and checks that it has what a run needs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.devices.at_hand import mode_here
from harness.plugins.loading import in_one_line
from harness.plugins.selection import select
from harness.plugins.targets import needs_parameters
from harness.runtime.determinism import usable_cores
from harness.system.limits import Check, check_folder, check_surroundings

if TYPE_CHECKING:
    from harness.contracts import Device
    from harness.plugins.loading import Plugins
    from harness.plugins.registry import Entry

__all__ = ["Check", "Folders", "describe_environment", "examine"]

CPU_INFO = Path("/proc/cpuinfo")  # Linux


def describe_environment() -> dict[str, Any]:
    """Return JSON values that describe interpreter, machine and libraries.

    Torch is described only if it has been imported: null says that nothing computed here.
    """
    torch = sys.modules.get("torch")
    return {
        "harness": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": usable_cores(),
        "torch": None if torch is None else str(torch.__version__),
        "torch_threads": None if torch is None else torch.get_num_threads(),
    }


def _processor() -> str | None:
    """Return the processor's name as its maker writes it, if the system knows it."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine() or None


@dataclass(frozen=True)
class Folders:
    """The folders that a run reads and writes."""

    data_root: Path | None
    cache_root: Path
    run_root: Path


def examine(plugins: Plugins, folders: Folders) -> list[Check]:
    """Check the interpreter, the libraries, the folders, the plugins and the devices."""
    return [
        Check("python", "ok", platform.python_version()),
        *(_check_library(name) for name in ("torch", "torchvision")),
        *_checks_of_plugins(plugins),
        _check_data_root(folders.data_root),
        *check_folder("cache folder", folders.cache_root, "--cache-root"),
        *check_folder("run folder", folders.run_root, "--output"),
        *check_surroundings(),
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


def _checks_of_plugins(plugins: Plugins) -> Iterator[Check]:
    """Call each plugin's `harness_doctor` by itself; a hook that fails is reported as a problem."""
    sources = {source.name: source for source in plugins.sources}
    for implementation in reversed(plugins.manager.hook.harness_doctor.get_hookimpls()):
        try:
            with redirect_stdout(sys.stderr):  # standard output is for results
                checks = _valid(implementation.function())
        except (Exception, SystemExit) as error:
            name = implementation.plugin_name
            finding = f"failed in its hook 'harness_doctor': {in_one_line(error)}"
            subject = f"checks of plugin {name}"
            checks = [Check(subject, "problem", finding, sources[name].remedy)]
        yield from checks


def _valid(checks: object) -> list[Check]:
    if not isinstance(checks, Iterable):
        raise TypeError(f"it returned a {type(checks).__name__}, not a list of Check")
    found = list(checks)
    for check in found:
        if not isinstance(check, Check):
            raise TypeError(f"it returned a list with a {type(check).__name__}, not of Check")
    return found


def _check_data_root(data_root: Path | None) -> Check:
    if data_root is None:
        return Check("data root", "ok", "none given; named data sets are downloaded when needed")
    if not data_root.is_dir():
        advice = "correct --data-root or HARNESS_DATA"
        return Check("data root", "problem", f"the folder {data_root} does not exist", advice)
    return Check("data root", "ok", str(data_root))


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
        reason = in_one_line(error)
        return Check(subject, "problem", reason, entry.plugin.remedy)
