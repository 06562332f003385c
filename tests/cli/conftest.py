"""Calls the command line inside the test's process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli


@pytest.fixture
def call() -> Callable[..., Result]:
    """Return `call(*arguments)`; a bug's exception is raised in the test."""

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, prog_name="harness", catch_exceptions=False)

    return call
