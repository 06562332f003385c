"""What MkDocs calls while it builds the site: adds the pages that are written from the code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from documentation.commands import commands_page
from documentation.files import (
    claim_page,
    profile_page,
    record_page,
    record_schema,
    suite_page,
)
from documentation.names import budgets_page, names_page
from harness.plugins.registry import KINDS, PLURALS

__all__ = ["PAGES", "on_files"]

PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    **{f"reference/{PLURALS[kind]}.md": partial(names_page, kind) for kind in KINDS},
    "reference/budgets.md": budgets_page,
    "reference/suite-file.md": suite_page,
    "reference/claim-file.md": claim_page,
    "reference/profile.md": profile_page,
    "reference/record.md": record_page,
    "reference/record.schema.json": record_schema,
}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated files to those that lie in `docs/`."""
    for path, write in PAGES.items():
        files.append(File.generated(config, path, content=write()))
    return files
