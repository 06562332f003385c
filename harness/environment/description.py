"""What a record says about the machine that it was made on."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

from harness import __version__
from harness.runtime.threads import usable_cores

__all__ = ["describe_environment"]

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
    """Name the processor as its maker does, where the system tells."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine() or None
