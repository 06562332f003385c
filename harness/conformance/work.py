"""Checks one rule in this process: every way it can end is a verdict, but for missing data."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

from harness.conformance.rule import BrokenRuleError, NotApplicableError, Rule, Status, Verdict
from harness.conformance.rules import RULES
from harness.conformance.subject import Address, Subject
from harness.errors import DataError
from harness.plugins.loading import in_one_line

__all__ = ["judge", "main", "rule_named"]


def main(connection: Connection, address: Address, rule: str) -> None:
    """Send the verdict as a dict, or, if images are missing, the sentence that says so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    os.dup2(2, 1)  # standard output is for results, also of what a plugin prints
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # TextIO lacks it
    with suppress(BrokenPipeError):  # the parent was killed
        connection.send(_answer(address, rule))


def _answer(address: Address, rule: str) -> dict[str, Any] | str:
    try:
        return asdict(judge(rule_named(address, rule), Subject.at(address)))
    except DataError as error:
        return str(error)


def rule_named(address: Address, name: str) -> Rule:
    """Return a rule for what an address names."""
    (rule,) = (rule for rule in RULES[address.kind] if rule.name == name)
    return rule


def judge(rule: Rule, subject: Subject) -> Verdict:
    """Check a rule.

    Raises:
        DataError: the images of a data set are missing.
    """
    started = time.monotonic()
    status, came = _outcome(rule, subject)
    seconds = time.monotonic() - started
    return Verdict(rule.name, status, rule.expects, came, rule.read, seconds)


def _outcome(rule: Rule, subject: Subject) -> tuple[Status, str]:
    try:
        rule.check(subject)
    except BrokenRuleError as error:
        return "broken", str(error)
    except NotApplicableError as error:
        return "not applicable", str(error)
    except DataError:
        raise
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        return "broken", f"it raised {in_one_line(error)}"
    return "kept", ""
