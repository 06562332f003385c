"""Registration is quick: a plugin's own module imports nothing slow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject

__all__ = ["RULE"]

ALLOWED_S = 1.0  # of the processor; pydantic alone takes a quarter of that
PROBE = "harness.conformance.import_probe"


def _check(subject: Subject) -> None:
    entry = subject.selection.entry
    if not entry.version:
        return  # a TOML file that a person has named: nothing is imported
    found = _probe(entry.plugin.name, entry.parameters or "")
    if found["slow"]:
        raise BrokenRuleError(f"registering it imports {', '.join(found['slow'])}")
    if found["seconds"] > ALLOWED_S:
        raise BrokenRuleError(
            f"registering it takes {found['seconds']:.1f} s of the processor; "
            f"{ALLOWED_S:g} s are allowed"
        )


def _probe(plugin: str, parameters: str) -> dict[str, Any]:
    """Register the plugin alone in a fresh interpreter, and hear what that took."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", PROBE, plugin, parameters],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        last = (answer.stderr.strip().splitlines() or ["without a word"])[-1]
        raise BrokenRuleError(f"registering it in a fresh interpreter fails: {last}")
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


RULE = Rule(
    "import-is-quick",
    "a plugin's module, and that of its parameters, imports neither torch nor anything else slow: "
    "`harness --help` imports it, too",
    _check,
)
