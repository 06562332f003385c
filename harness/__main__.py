"""Lets `python -m harness` do what `harness` does."""

import harness
from harness.runtime.interpreters import forget_working_folder

forget_working_folder(harness.__file__)

from harness.cli.main import main  # noqa: E402 - only now, see there

main()
