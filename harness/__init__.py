"""Honest benchmarks of neural architecture search (NAS) on small devices.

A plugin needs three names from here: `hookimpl`, to mark its hooks, and what
`harness.contracts` and `harness.hookspecs` describe.
"""

from pluggy import HookimplMarker

__all__ = ["__version__", "hookimpl"]

__version__ = "0.2.0"

hookimpl = HookimplMarker("harness")
"""Marks a function of a plugin as the implementation of a hook of `harness.hookspecs`."""
