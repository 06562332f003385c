"""Options that say where trials run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli

pytestmark = pytest.mark.usefixtures("toy_plugin")


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def run(*arguments: str) -> Result:
    """Call `harness run` for a toy."""
    budget = "search_steps=1,tasks=1,meta_epochs=0"
    fixed = ["-m", "toy", "--dataset", "dots", "--budget", budget, "-o", "out"]
    return CliRunner().invoke(cli, ["run", *fixed, *arguments])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--executor", "dask"], "--executor dask needs the scheduler's address"),
        (["--scheduler", "tcp://x:1"], "--scheduler is for --executor dask"),
        (["--executor", "dask", "--scheduler", "tcp://x:1", "-j", "2"], "--jobs is for this"),
        (["--executor", "ray"], "'ray' is not one of 'local', 'dask'"),
        (["-j", "0"], "0 is not in the range"),
        (["-j", "two"], "'two' is not a valid integer"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    scratch: Path, arguments: list[str], says: str
) -> None:
    """A wrong combination is a sentence and status 2, and nothing is written."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert not (scratch / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--executor", "dask"], "--executor dask needs the scheduler's address"),
        (["--scheduler", "tcp://x:1"], "--scheduler is for --executor dask"),
        (["-j", "0"], "0 is not in the range"),
    ],
)
def test_pretraining_takes_the_same_options(arguments: list[str], says: str) -> None:
    """They are those of a run, and what contradicts itself is refused alike."""
    fixed = ["pretrain", "-m", "learner", "--dataset", "dots", "--budget", "meta_epochs=1"]
    result = CliRunner().invoke(cli, [*fixed, *arguments])
    assert result.exit_code == 2
    assert says in result.stderr


def test_without_dask_the_extra_is_named(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Dask is not installed, one sentence names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = run("--executor", "dask", "--scheduler", "tcp://127.0.0.1:1")
    assert result.exit_code == 2
    assert "install the extra 'dask': pip install 'onnas-harness[dask]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (scratch / "out").exists()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_this_machine_needs_no_dask(monkeypatch: pytest.MonkeyPatch, jobs: str) -> None:
    """`-j` is for everybody."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    result = run("-j", jobs)
    assert result.exit_code == 0, result.output


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_scheduler_that_does_not_answer_is_a_sentence(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody there: status 1, and how to start one."""
    pytest.importorskip("distributed", reason="needs the extra 'dask'")
    monkeypatch.setattr("harness.executors.dask.connection.CONNECT_S", 0.3)
    result = run("--executor", "dask", "--scheduler", "tcp://127.0.0.1:1")
    assert result.exit_code == 1
    assert "no scheduler answers at tcp://127.0.0.1:1" in result.stderr
    assert "start one with 'dask scheduler'" in result.stderr
    assert "Traceback" not in result.output
    assert not (scratch / "out").exists()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        (
            "nonsense://x:1",
            "'nonsense://x:1' is not the address of a scheduler; write tcp://HOST:PORT",
        ),
        ("tcp://x", "'tcp://x' is not the address of a scheduler"),
        ("tls://127.0.0.1:1", "needs certificates; name them in Dask's configuration"),
    ],
)
def test_an_address_that_makes_no_sense_is_a_sentence(address: str, says: str) -> None:
    """What cannot be connected to is told at once."""
    pytest.importorskip("distributed", reason="needs the extra 'dask'")
    result = run("--executor", "dask", "--scheduler", address)
    assert result.exit_code == 2
    assert says in result.stderr
