"""The reference of files: the record that a trial leaves, suites, and profiles of devices."""

from __future__ import annotations

import json

from documentation.models import key_tables
from harness.claims.claim import CHECKS, Claim
from harness.devices.profile import DeviceProfile
from harness.experiment.suite import Suite
from harness.results.record import Record

__all__ = ["claim_page", "profile_page", "record_page", "record_schema", "suite_page"]


def record_page() -> str:
    """Return the page of `record.json`, in Markdown."""
    return f"""\
# Records

A trial's `record.json`, whatever way it ended. How to read one, and what lies beside it:
[Reading a record](../records.md). What is none here is null there. For programs:
[record.schema.json](record.schema.json).

{key_tables(Record, "record.json")}
"""


def record_schema() -> str:
    """Return the JSON schema of `record.json`."""
    schema = Record.model_json_schema(by_alias=True)
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def suite_page() -> str:
    """Return the page of suite files, in Markdown."""
    return f"""\
# Suite files

A suite is a TOML file of trials, called by its path or, if a plugin registers it, by its name.
Those that come along: [Suites](suites.md).

{key_tables(Suite, "The file")}
"""


def claim_page() -> str:
    """Return the page of claim files, in Markdown."""
    sections = key_tables(Claim, "The file").split("\n\n## ")
    general = "\n\n## ".join(each for each in sections if not each.startswith("check\n"))
    checks = (key_tables(model, f"check of kind {kind}") for kind, model in CHECKS.items())
    tables = "\n\n".join(checks)
    return f"""\
# Claim files

A claim is a TOML file that a plugin registers. How to write one, and how verdicts are made:
[Check claims](../claims.md). Those that come along: [Claims](claims.md).

{general}

## check

One of the tables below, by its `kind`.

{tables}
"""


def profile_page() -> str:
    """Return the page of device profiles, in Markdown."""
    return f"""\
# Device profiles

A device is a TOML file. How to write one: [Your own board](../own-board.md). Those that come along:
[Devices](devices.md).

{key_tables(DeviceProfile, "The file")}
"""
