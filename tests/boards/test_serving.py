"""What a board does: keeps files once, runs a command that outlives the connection, stops it."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from harness.boards.connection import STOPPED
from tests.boards.conftest import Client

pytestmark = [
    pytest.mark.timeout(120),
    # Of processes that are left to themselves, as they should be.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Board = Callable[[], AbstractContextManager[Client]]

WORK = """
import json, os, pathlib, sys, time
print("working in", os.getcwd(), os.environ.get("HARNESS_DEVICES"), file=sys.stderr, flush=True)
wait = pathlib.Path(sys.argv[1])
while not wait.exists():
    time.sleep(0.02)
if sys.argv[2:] == ["fail"]:
    sys.exit("Error: it is wrong")
pathlib.Path("model").mkdir()
pathlib.Path("model/a.txt").write_text(pathlib.Path("photos/a b.png").read_text())
print(json.dumps({"done": True}))
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a script in place of the harness, which ends when a file is there; return its path."""
    monkeypatch.setattr("harness.boards.serving.PROGRAM", (sys.executable, "-c", WORK))
    return tmp_path / "go"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def keep(client: Client, content: bytes, name: str | None = None) -> str:
    """Send a file under its SHA-256, or another name."""
    name = name or sha256(content)
    path = client.root.parent / "to send"
    path.write_bytes(content)
    client.wire.send(do="keep", sha256=name, bytes=len(content))
    client.wire.send_file(path, len(content))
    return name


def run(client: Client, go: Path, *words: str, **changes: Any) -> None:
    sent = {
        "files": {"work/photos/a b.png": sha256(b"one")},
        "folders": ["work/photos/empty"],
        "result": "model",
    }
    client.wire.send(do="run", words=[str(go), *words], **{**sent, **changes})


def until(client: Client, key: str) -> dict[str, Any]:
    """Return the next message with a key."""
    while key not in (message := client.wire.receive() or {}):
        assert "error" not in message, message
    return message


def test_files_are_kept_once_and_by_what_they_are(board: Board) -> None:
    """What has arrived is there after a lost connection; what was cut or changed is not."""
    with board() as client:
        keep(client, b"one")
        client.wire.send(do="missing", files=[sha256(b"one"), sha256(b"two")])
        assert until(client, "missing") == {"missing": [sha256(b"two")]}
        client.wire.send(do="keep", sha256=sha256(b"two"), bytes=3)
        client.wire._write(b"t")  # and nothing more
    with board() as client:
        assert [each.name for each in (client.root / "files").iterdir()] == [sha256(b"one")]
        keep(client, b"three", sha256(b"two"))
        assert "has changed while it was sent" in until_error(client)
        assert client.ended in ([], [1])


def until_error(client: Client) -> str:
    while "error" not in (message := client.wire.receive() or {}):
        pass
    return str(message["error"])


@pytest.mark.parametrize("name", ["../x", "/etc/x", "", "work/../../x", "a\0b"])
def test_nothing_is_laid_out_elsewhere(board: Board, go: Path, name: str) -> None:
    """A path of a request stays below the job's folder, whoever wrote it."""
    with board() as client:
        keep(client, b"one")
        run(client, go, files={name: sha256(b"one")})
        assert "is not a path within" in until_error(client)
    with board() as client:
        run(client, go, result=name)
        assert "is not a path within" in until_error(client)
    with board() as client:
        keep(client, b"one", f"../../{sha256(b'one')}"[:64])
        assert "is not a SHA-256" in until_error(client)
    assert not list(client.root.parent.parent.rglob("x"))


def test_command_runs_on_what_was_sent_and_is_forgotten(board: Board, go: Path) -> None:
    """It has its inputs, empty folders too, and gives its result; what was sent stays."""
    go.touch()
    with board() as client:
        keep(client, b"one")
        keep(client, b"profile")
        places = {"work/photos/a b.png": sha256(b"one"), "devices/mine.toml": sha256(b"profile")}
        run(client, go, files=places)
        told = until(client, "told")["told"]
        assert told.startswith(f"working in {client.root / 'jobs'}")
        assert told.endswith("/devices")
        (job,) = (client.root / "jobs").iterdir()
        ended = until(client, "ended")
        assert ended == {"ended": 0, "answer": '{"done": true}\n', "files": [["a.txt", 3]]}
        assert b"".join(client.wire.read(3)) == b"one"
        assert (job / "work" / "photos" / "empty").is_dir()
        client.wire.send(do="forget")
    assert client.ended == [0]
    assert not job.exists()
    assert (client.root / "files" / sha256(b"one")).read_bytes() == b"one"


def test_lost_connection_ends_nothing(
    board: Board, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same request finds the command running, or what it has left; another one is another."""
    with board() as client:
        keep(client, b"one")
        run(client, go)
        until(client, "told")
    assert client.ended == [0]
    with board() as client:
        run(client, go)
        assert until(client, "told")["told"] == "going on with what was started before"
        assert until(client, "told")["told"].startswith("working in")
        go.touch()
        assert until(client, "ended")["ended"] == 0
    monkeypatch.setattr("harness.boards.serving.RECENT", 5)
    with board() as client:  # which has not been told that the result arrived
        run(client, go)
        assert until(client, "told")["told"] == "going on with what was started before"
        told = client.wire.receive() or {}  # and no half of a line
        assert told["files"] == [["a.txt", 3]]
        client.wire.send(do="forget")
    with board() as client:
        run(client, go, "fail")
        assert until(client, "told")["told"].startswith("working in")
        assert until(client, "told")["told"] == "Error: it is wrong"
        assert until(client, "ended") == {"ended": 1, "answer": "", "files": []}


def test_answer_may_be_all_that_a_command_gives(board: Board, go: Path) -> None:
    """Without a result it sends no file; found again, it is known by its answer to have ended."""
    go.touch()
    for _ in range(2):
        with board() as client:
            keep(client, b"one")
            run(client, go, result=None)
            said = until(client, "ended")
            assert (said["ended"], said["files"]) == (0, [])
            assert json.loads(said["answer"]) == {"done": True}
    assert len(list((client.root / "jobs").iterdir())) == 1


def test_stopping_ends_the_process(board: Board, go: Path) -> None:
    """Ctrl-C there reaches the command here, also one that was found running."""
    with board() as client:
        keep(client, b"one")
        run(client, go)
        until(client, "told")
    (job,) = (client.root / "jobs").iterdir()
    process = Path("/proc", (job / "process").read_text())
    with board() as client:
        run(client, go)
        until(client, "told")
        client.wire.send(do="stop")
        while not client.ended:
            time.sleep(0.02)
        assert client.ended == [STOPPED]
    assert not process.exists() or "Z" in (process / "stat").read_text().split(")")[1]


def test_what_cannot_be_understood_is_said(board: Board) -> None:
    """A request that there is not, or without what it needs, is an answer, and no traceback."""
    for request, sentence in (
        ({"do": "fly"}, "can 'fly'"),
        ({"do": "keep"}, "KeyError"),
        ({"do": "run", "words": [], "files": 3, "folders": [], "result": "x"}, "AttributeError"),
    ):
        with board() as client:
            client.wire.send(**request)
            assert sentence in until_error(client)
