"""Checks one rule in this process, which always ends in a verdict, unless data are missing."""

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

from harness.conformance.cost_rules import (
    BUDGET_IS_RESPECTED,
    ESTIMATE_EQUALS_COUNT,
    MEMORY_IS_RELEASED,
)
from harness.conformance.dataset_rules import (
    EPISODES_HAVE_IDENTITY,
    FORM_IS_AS_TOLD,
    LABELS_FOLLOW_NO_ORDER,
    QUERIES_ARE_NEW,
    SPLITS_ARE_SEPARATE,
)
from harness.conformance.device_rules import (
    LIMIT_IS_ENFORCED,
    PROFILE_IS_TRUE,
    READINGS_ARE_PLAUSIBLE,
)
from harness.conformance.importing import IMPORT_IS_QUICK
from harness.conformance.outcome_rules import (
    ARCHITECTURE_IS_VALID,
    METRICS_ARE_NUMBERS,
    NO_QUERY_LABELS,
    PREDICTIONS_STAND_ALONE,
)
from harness.conformance.repetition_rules import (
    INTERRUPTION_IS_CLEAN,
    SAME_SEED_SAME_RESULT,
    STATE_ROUND_TRIPS,
)
from harness.conformance.rule import (
    Address,
    BrokenRuleError,
    Conditions,
    NotApplicableError,
    NotDecidedError,
    Rule,
    Status,
    Subject,
    Verdict,
)
from harness.conformance.space_rules import (
    ENCODING_ROUND_TRIPS,
    MOVES_STAY_INSIDE,
    NETWORK_EQUALS_ENCODING,
    OPERATIONS_FIT_A_SUPERNET,
    SAMPLING_COVERS,
    SCORE_IS_A_NUMBER,
)
from harness.conformance.trials import use_few_threads
from harness.errors import DataError
from harness.plugins.loading import in_one_line
from harness.plugins.registry import Kind

__all__ = ["RULES", "judge", "main", "rule_named"]

RULES: dict[Kind, tuple[Rule, ...]] = {
    "method": (
        IMPORT_IS_QUICK,
        METRICS_ARE_NUMBERS,
        BUDGET_IS_RESPECTED,
        SAME_SEED_SAME_RESULT,
        NO_QUERY_LABELS,
        PREDICTIONS_STAND_ALONE,
        MEMORY_IS_RELEASED,
        INTERRUPTION_IS_CLEAN,
        STATE_ROUND_TRIPS,
        ARCHITECTURE_IS_VALID,
        ESTIMATE_EQUALS_COUNT,
    ),
    "dataset": (
        IMPORT_IS_QUICK,
        FORM_IS_AS_TOLD,
        EPISODES_HAVE_IDENTITY,
        SPLITS_ARE_SEPARATE,
        QUERIES_ARE_NEW,
        LABELS_FOLLOW_NO_ORDER,
    ),
    "device": (
        IMPORT_IS_QUICK,
        PROFILE_IS_TRUE,
        READINGS_ARE_PLAUSIBLE,
        LIMIT_IS_ENFORCED,
    ),
    "space": (
        IMPORT_IS_QUICK,
        ENCODING_ROUND_TRIPS,
        MOVES_STAY_INSIDE,
        SAMPLING_COVERS,
        NETWORK_EQUALS_ENCODING,
        OPERATIONS_FIT_A_SUPERNET,
    ),
    "score": (
        IMPORT_IS_QUICK,
        SCORE_IS_A_NUMBER,
    ),
}
"""All rules, by the kind of what they are for."""


def main(connection: Connection, address: Address, rule: str, conditions: Conditions) -> None:
    """Send the verdict as a dict, or, if images are missing, the sentence that says so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    os.dup2(2, 1)  # standard output is for results, also of what a plugin prints
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # TextIO lacks it
    use_few_threads()
    with suppress(BrokenPipeError):  # the parent was killed
        connection.send(_answer(address, rule, conditions))


def _answer(address: Address, rule: str, conditions: Conditions) -> dict[str, Any] | str:
    try:
        return asdict(judge(rule_named(address, rule), Subject.at(address, conditions)))
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
    status, came, cause = _outcome(rule, subject)
    seconds = time.monotonic() - started
    return Verdict(rule.name, status, rule.expects, came, cause, rule.read, seconds)


def _outcome(rule: Rule, subject: Subject) -> tuple[Status, str, str]:
    """Check a rule; return its status, what came, and the cause."""
    if rule is not IMPORT_IS_QUICK and subject.selection.missing:
        return "not applicable", subject.selection.missing, subject.selection.missing
    try:
        rule.check(subject)
    except BrokenRuleError as error:
        return "broken", str(error), error.cause
    except NotApplicableError as error:
        return "not applicable", str(error), str(error)
    except NotDecidedError as error:
        return "not decided", str(error), str(error)
    except DataError:
        raise
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        cause = in_one_line(error)
        return "broken", f"it raised {cause}", cause
    return "kept", "", ""
