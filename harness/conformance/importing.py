"""Rule for registration: it is quick, and a plugin's own module imports nothing slow.

As a program, this module registers one plugin in its interpreter and prints what that took.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import redirect_stdout
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from harness.conformance.rule import BrokenRuleError, Rule, Subject
from harness.plugins.loading import PROJECT
from harness.runtime.interpreters import last_words, run_python

__all__ = ["IMPORT_IS_QUICK", "main"]

ALLOWED_S = 1.0  # of the processor; pydantic alone takes a quarter of that
PROBE = "harness.conformance.importing"
SLOW = ("torch", "torchvision", "pandas", "matplotlib", "seaborn", "scipy", "tensorflow", "jax")


def _check(subject: Subject) -> None:
    entry = subject.selection.entry
    if not entry.version:
        return  # a TOML file that a person has named: nothing is imported
    found = _probe(entry.plugin.name, entry.parameters or "")
    if found["slow"]:
        raise BrokenRuleError(f"registering it imports {', '.join(found['slow'])}")
    allowed = ALLOWED_S * subject.conditions.slowness
    if found["seconds"] > allowed:
        raise BrokenRuleError(
            f"registering it takes {found['seconds']:.1f} s of the processor; "
            f"{allowed:.2g} s are allowed here"
        )


def _probe(plugin: str, parameters: str) -> dict[str, Any]:
    """Register the plugin alone in a fresh interpreter, and return what that took."""
    answer = run_python("-m", PROBE, plugin, parameters)
    if answer.returncode != 0:
        last = last_words(answer.stderr) or "without a word"
        raise BrokenRuleError(f"registering it in a fresh interpreter fails: {last}")
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


IMPORT_IS_QUICK = Rule(
    "import-is-quick",
    "a plugin's module, and that of its parameters, imports neither torch nor anything else slow: "
    "`harness --help` imports it, too",
    _check,
)


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
