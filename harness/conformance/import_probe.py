"""Registers one plugin in this interpreter and prints what that took."""

from __future__ import annotations

import json
import sys
import time
from contextlib import redirect_stdout
from importlib import import_module
from importlib.metadata import entry_points

from harness.plugins.loading import PROJECT

__all__ = ["SLOW", "main"]

SLOW = ("torch", "torchvision", "pandas", "matplotlib", "seaborn", "scipy", "tensorflow", "jax")


def main(plugin: str, parameters: str) -> None:
    """Print as JSON which slow packages were imported, and the seconds of the processor."""
    before = time.process_time()
    with redirect_stdout(sys.stderr):
        for entry_point in entry_points(group=PROJECT, name=plugin):
            entry_point.load()
        if parameters:
            import_module(parameters.partition(":")[0])
    seconds = time.process_time() - before
    print(json.dumps({"slow": [name for name in SLOW if name in sys.modules], "seconds": seconds}))  # noqa: T201 - a command


if __name__ == "__main__":
    main(*sys.argv[1:])
