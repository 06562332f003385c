"""Switches reporters on: plugins that are told of trials only where a person asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.errors import PluginError
from harness.plugins.hook_check import faults_of
from harness.plugins.lifecycle import notify
from harness.plugins.loading import Plugins, in_one_line
from harness.plugins.selection import Selection, select

__all__ = ["make_reporters", "reporting"]


def make_reporters(plugins: Plugins, texts: Sequence[str]) -> dict[str, object]:
    """Make the reporters that a person names, each once; nothing is written yet.

    Args:
        plugins: where their names are looked up.
        texts: such as `csv` or `mlflow[experiment=night]`.

    Returns:
        Each reporter by its label.

    Raises:
        UsageError: there is no such name, a parameter is wrong, or what it needs is not installed.
        PluginError: it cannot be made, or has a wrong hook.
    """
    chosen = {each.label: each for text in texts for each in select(plugins, "reporter", text)}
    return {label: _make(selection) for label, selection in chosen.items()}


@contextmanager
def reporting(plugins: Plugins, reporters: Mapping[str, object], folder: Path) -> Iterator[None]:
    """Have reporters told of the trials that run inside, among the plugins that always are.

    Args:
        plugins: whose hooks are called.
        reporters: by label, as `make_reporters` returns them.
        folder: of the run; it is there already.
    """
    for label, reporter in reporters.items():
        plugins.manager.register(reporter, f"reporter {label}")
    try:
        notify(plugins.manager, "harness_run_started", folder=folder)
        yield
    finally:
        notify(plugins.manager, "harness_run_finished")
        for reporter in reporters.values():
            plugins.manager.unregister(reporter)


def _make(selection: Selection) -> object:
    try:
        reporter: object = selection.create()
    except PluginError:
        raise
    except (ImportError, TypeError) as error:
        raise PluginError(
            f"{selection.entry.plugin}: {selection.entry} cannot be made: {in_one_line(error)}"
        ) from error
    if faults := faults_of(reporter):
        raise PluginError(f"{selection.entry.plugin}: {selection.entry}: {'; '.join(faults)}")
    return reporter
