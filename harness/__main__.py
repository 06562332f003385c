"""Lets `python -m harness` do what `harness` does."""

from harness.cli.main import main

main()
