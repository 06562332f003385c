"""A trial's process that is killed from outside: by the kernel, or by somebody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.main import cli

pytestmark = pytest.mark.usefixtures("toy_plugin", "scratch")


def killed(monkeypatch: pytest.MonkeyPatch, by_kernel: bool | None, *arguments: str) -> Any:
    """Run a method that is killed, and return the record; the kernel says what it is told to."""

    class Kills:
        def any_since(self) -> bool | None:
            return by_kernel

    monkeypatch.setattr("harness.runtime.process.OomKills", Kills)
    budget = "search_steps=2,tasks=1,meta_epochs=0"
    command = ["run", "--dataset", "dots", "--budget", budget, "-o", "out", "--json", *arguments]
    (record,) = json.loads(CliRunner().invoke(cli, command).stdout)["trials"]
    return record


@pytest.mark.parametrize(
    ("by_kernel", "status", "says"),
    [
        (True, "out_of_memory", "was killed, by the kernel for lack of memory, before its first"),
        (None, "out_of_memory", "was killed, most likely for lack of memory, before its first"),
        (False, "error", "ended by signal SIGKILL before its first"),
    ],
)
def test_a_kill_means_what_the_kernel_says(
    monkeypatch: pytest.MonkeyPatch, by_kernel: bool | None, status: str, says: str
) -> None:
    """The kernel's kill is out of memory; where it does not tell, most likely; else an error."""
    record = killed(monkeypatch, by_kernel, "-m", "toy[does=die,at=1]", "-d", "cpu")
    assert record["status"] == status
    assert says in record["error"]["message"]


def test_a_kill_says_nothing_about_an_emulated_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is this machine that had no memory left: no X for the device that it stands in for."""
    record = killed(monkeypatch, True, "-m", "toy[does=die,at=1]", "-d", "jetson")
    assert record["status"] == "error"
    assert "the emulated device need not" in record["error"]["message"]


def test_a_kill_offline_is_not_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretraining is not done on the device, so that it can do without what pretraining needs."""
    budget = "search_steps=1,tasks=1,meta_epochs=1,meta_tasks=1,meta_steps=1,meta_shots=2"
    method = "learner[does=die,at=1]"
    record = killed(monkeypatch, True, "-m", method, "-d", "cpu", "--budget", budget)
    assert record["status"] == "error"
    assert "the pretraining's process was killed, by the kernel" in record["error"]["message"]
