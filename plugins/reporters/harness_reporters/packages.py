"""Says which package a reporter needs, before anything runs."""

from __future__ import annotations

from importlib.util import find_spec

from harness.errors import UsageError

__all__ = ["require"]


def require(reporter: str, *modules: str) -> None:
    """Check that modules are installed, without importing them.

    Raises:
        UsageError: one is not; the message has the command that installs it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise UsageError(
                f"reporter '{reporter}' needs {module}, which is not installed; "
                f"pip install 'onnas-harness[{reporter}]' installs it"
            )
