"""A place where malformed inputs are tried: commands that plan and read, and run no trial."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NoReturn

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli
from harness.contracts import DataRequest
from harness.experiment.outcome import Metric, Outcome
from harness.experiment.suite import SuiteEntry
from harness.planning.planner import Planner
from harness.plugins.loading import load_plugins
from harness.results.record import Record
from harness.trials.runner import Runner, RunResult
from tests.fuzz import habits, inputs
from tests.fuzz.guard import watched_writes, within_seconds
from tests.fuzz.inputs import VARIABLES_FILE
from tests.fuzz.sound import PRETRAINED, Sound, images, sound_of

MOST_S = 10.0  # of the processor
CAUGHT = (SystemExit, type(None))


@dataclass(frozen=True)
class Tried:
    """What came of one input."""

    arguments: list[str]
    result: Result
    outside: list[str]

    def __str__(self) -> str:
        """Say how to try it again, and what was printed."""
        return f"harness {self.arguments!r}\n{self.result.output[-3000:]}"


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """Inputs that are well-formed."""
    folder, files = tmp_path_factory.mktemp("photos"), images()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    photos = f"folder[path={folder},size=8]"
    request = DataRequest(None, tmp_path_factory.mktemp("cache"), lambda _: None)
    entry = SuiteEntry(
        methods=["onnas"], datasets=[photos], devices=["jetson"], queries=1, mode="emulated",
        budget=PRETRAINED[1],
    )  # fmt: skip
    (trial,) = Planner(load_plugins(), request).trials([entry])
    metrics = {"peak_memory": Metric(value=10.0, unit="MiB", source="emulated")}
    outcome = Outcome(status="ok", metrics=metrics)
    record = Record.of(trial, outcome, wall_s=1.0, started_at="", ended_at="")
    return sound_of(trial, record, photos, files)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of all tries: what one has decoded the next need not."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def attempt(
    sound: Sound, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, int], Tried]:
    """Return `attempt(kind, number)`, which hands a malformed input to the command line.

    There is no network. All is done but the trials themselves: bad input is found out while they
    are planned.
    """
    monkeypatch.setattr(Runner, "run", lambda *_: RunResult(Path("run")))
    monkeypatch.setattr(socket, "getaddrinfo", _no_network)
    monkeypatch.setenv("HARNESS_CACHE", str(cache))
    # Where libraries keep what is theirs.
    monkeypatch.setenv("MPLCONFIGDIR", str(cache / "matplotlib"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(cache / "torch"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HARNESS_DATA", raising=False)

    def attempt(kind: str, number: int) -> Tried:
        work, given = tmp_path / f"{number}-work", tmp_path / f"{number}-given"
        work.mkdir()
        given.mkdir()
        monkeypatch.chdir(work)
        make = (inputs.KINDS | habits.KINDS)[kind]
        arguments = make(Random(f"{kind} {number}"), given, sound)  # noqa: S311 - a seed is what is wanted
        board, variables = given / "board.toml", given / VARIABLES_FILE
        environment = {"HARNESS_DEVICES": str(board) if board.exists() else ""}
        if variables.exists():
            environment |= json.loads(variables.read_text(encoding="utf-8"))
        with monkeypatch.context() as own:
            for name, value in environment.items():
                own.setenv(name, value)
            with watched_writes([work, cache]) as outside, within_seconds(MOST_S):
                result = CliRunner().invoke(cli, arguments, prog_name="harness")
        return Tried(arguments, result, outside)

    return attempt


def _no_network(*_: object) -> NoReturn:
    raise socket.gaierror(socket.EAI_NONAME, "there is no network in this test")
