"""Reporters are off unless asked for, and one that fails is named once and stops nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.errors import UsageError
from harness.experiment.trial import Trial
from harness.plugins.lifecycle import make_reporters, reporting
from harness.plugins.loading import Plugins, load_plugins

Install = Callable[[str, str], Path]

SHOUTER = """
from harness import hookimpl

@hookimpl
def harness_register_reporters(register):
    register("shouter", "shouter:Shouter")
    register("misspelt", "shouter:Misspelt")

class Shouter:
    @hookimpl
    def harness_trial_started(self, trial):
        print("a trial starts")

    @hookimpl
    def harness_trial_progress(self, trial, event):
        raise OSError("the server\\nis gone")

class Misspelt:
    @hookimpl
    def harness_trial_begun(self, trial): pass
"""


def test_nothing_is_told_unasked(
    make_trial: Callable[..., Trial],
    go_through: Callable[..., None],
    plugins: Plugins,
    tmp_path: Path,
) -> None:
    """Without `--reporter` no reporter writes, and after a run none is told any more."""
    with reporting(plugins, make_reporters(plugins, ["csv"]), tmp_path):
        pass
    before = (tmp_path / "stream.csv").read_bytes()
    with reporting(plugins, {}, tmp_path):
        go_through(plugins, make_trial())
    assert (tmp_path / "stream.csv").read_bytes() == before


def test_a_failing_reporter_is_named_once(
    plugin_factory: Install,
    make_trial: Callable[..., Trial],
    go_through: Callable[..., None],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is one warning and is not called again; the others are told of every step."""
    plugin_factory("shouter", SHOUTER)
    found = load_plugins()
    with reporting(found, make_reporters(found, ["shouter", "csv"]), tmp_path):
        for seed in (0, 1):
            go_through(found, make_trial(seed=seed))
    (warning,) = (each for each in caplog.records if each.levelno == logging.WARNING)
    assert "'reporter shouter' failed in its hook 'harness_trial_progress'" in warning.getMessage()
    assert "the server is gone" in warning.getMessage()
    assert (tmp_path / "stream.csv").read_text(encoding="utf-8").count(",step_loss,") == 4
    assert capsys.readouterr() == ("", "a trial starts\n")


def test_a_wrong_hook_is_refused(plugin_factory: Install) -> None:
    """A reporter whose hook is misspelt is refused with the hook that it meant."""
    plugin_factory("shouter", SHOUTER)
    with pytest.raises(UsageError, match="'harness_trial_begun', which the harness does not call"):
        make_reporters(load_plugins(), ["misspelt"])


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "tensorboard"), ("mlflow", "mlflow")])
def test_a_missing_package_is_told_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, module: str
) -> None:
    """Without the extra the command ends with status 2, says what to install, writes nothing."""
    monkeypatch.setattr("harness_reporters.trackers.find_spec", lambda _: None)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["run", "-m", "darts", "--reporter", name])
    assert result.exit_code == 2
    assert f"needs {module}" in result.stderr
    assert f"pip install 'onnas-harness[{name}]'" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_reporter_names_the_nearest() -> None:
    """A misspelt reporter is wrong usage, with the nearest name."""
    result = CliRunner().invoke(cli, ["run", "-m", "darts", "--reporter", "tensorbord"])
    assert result.exit_code == 2
    assert "did you mean 'tensorboard'?" in result.stderr
