"""From photos here to a model that a board has made, over a real ssh."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import harness
from tests.boards.conftest import Sshd, call

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TINY = ("-m", "random", "--size", "8", "--channels", "2", "--epochs", "2")


def adapting(photos: Path, board: Sshd, *words: str) -> subprocess.Popen[str]:
    """Adapt in another process, in a session of its own."""
    command = [sys.executable, "-m", "harness", "adapt", str(photos), "--on", board.address, *words]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and program
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def read_until(process: subprocess.Popen[str], sign: str) -> str:
    """Return what it says on standard error, up to a sign."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if sign in line:
            return said
    pytest.fail(f"it never said '{sign}': {said}")


def test_photos_become_a_model_on_a_board(
    photos: Path, scratch: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is brought home; nothing goes through a shell, or is sent twice, or besides."""
    monkeypatch.setenv("HARNESS_SECRET", "seen")
    monkeypatch.setenv("LC_SECRET", "seen")
    result = call("adapt", photos, "--on", sshd.address, *TINY, "-o", "model", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["model"] == "model"
    assert told["held_out"] == 4
    assert told["record"]["device"]["mode"] == "measured"
    assert "sending 20 files" in result.stderr
    assert (scratch / "model" / "card.md").exists()
    photo = next((photos / "dark").glob("*.png"))
    assert ": dark" in call("predict", "model", photo).stdout
    assert not [*scratch.rglob("hacked"), *sshd.home.rglob("hacked")]
    sent = [path.read_bytes() for path in (sshd.home / ".cache").rglob("*") if path.is_file()]
    assert not any(b"nobody else's" in content or b"seen" in content for content in sent)
    assert not list((sshd.home / ".cache/onnas-harness/board/jobs").iterdir())
    # Once more, from Python: nothing is sent, and its trial is not run again.
    adapted = harness.adapt(
        photos, scratch / "again", on=sshd.address, method="random", size=8, channels=2, epochs=2
    )
    assert adapted.judgement.total == 4
    assert adapted.record.trial_key == told["record"]["trial_key"]
    assert adapted.record.ended_at == told["record"]["ended_at"]
    one, two = (
        (scratch / name / "weights.safetensors").read_bytes() for name in ("model", "again")
    )
    assert one == two


def test_interrupting_stops_the_board(photos: Path, sshd: Sshd) -> None:
    """Ctrl-C ends the process there, too, and the exit status is that of an interruption."""
    words = ("-m", "weights-only", "--size", "8", "--channels", "2", "--epochs", "100000")
    with adapting(photos, sshd, *words, "-o", "model") as process:
        read_until(process, "weights-only on photos")
        (job,) = (sshd.home / ".cache/onnas-harness/board/jobs").iterdir()
        there = int((job / "process").read_text())
        os.kill(there, 0)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait() == 130
    assert f"stopping {sshd.address}" in said
    assert "not seen to stop" not in said
    assert "Interrupted; run the same command again to continue." in said
    assert not is_alive(there)


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_lost_connection_is_taken_up_again(photos: Path, scratch: Path, sshd: Sshd) -> None:
    """The board goes on; the same command finds what runs, or its model, and brings it home."""
    with adapting(photos, sshd, *TINY, "-o", "model") as process:
        read_until(process, "127.0.0.1: ")
        (job,) = (sshd.home / ".cache/onnas-harness/board/jobs").iterdir()
        there = int((job / "process").read_text())
        os.kill(int((sshd.folder / "pid").read_text()), signal.SIGKILL)
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait() == 1
    assert f"the connection to {sshd.address} was lost" in said
    assert "what runs there goes on: run the same command again" in said
    assert not (scratch / "model").exists()
    until = time.monotonic() + 200
    while is_alive(there) and time.monotonic() < until:
        time.sleep(0.1)
    again = call("adapt", photos, "--on", sshd.address, *TINY, "-o", "model")
    assert again.exit_code == 0, again.output
    assert "sending 0 files (0.0 MiB)" in again.stderr
    assert "going on with what was started before" in again.stderr
    assert (scratch / "model" / "weights.safetensors").exists()
