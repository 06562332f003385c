"""Boards: one that a real `sshd` of this machine makes, and strangers that a script plays."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import harness
from harness.boards.serving import serve
from harness.cli.main import cli
from harness.system.streams import Wire

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")
SSH, KEYGEN = shutil.which("ssh"), shutil.which("ssh-keygen")


def call(*arguments: object) -> Result:
    """Call the command line."""
    words = [str(each) for each in arguments]
    return CliRunner().invoke(cli, words, prog_name="harness")


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def photos(scratch: Path) -> Path:
    """Ten dark and ten bright photos, under names that a shell would act on, and a note."""
    folder = scratch / "my $(touch hacked) photos"
    for number in range(10):
        for label, base in (("dark", 20), ("-bright <b>", 200)):
            (folder / label).mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(number).integers(0, 40, (10, 12, 3), np.uint8)
            image = Image.fromarray((noise + base).astype(np.uint8))
            image.save(folder / label / f'-{number} it\'s "a"; b\n.png')
    (folder / "dark" / "notes.txt").write_text("nobody else's")
    return folder


# A board that a script plays


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return `stranger(script)`: from then on `ssh` runs that Python, whatever it is asked for."""
    folder = tmp_path / "stranger"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def stranger(script: str) -> Path:
        heading = f"#!{sys.executable} -SE\nimport json, os, sys\n"
        helper = "def say(**told): print(json.dumps(told), flush=True)\n"
        (folder / "ssh").write_text(heading + helper + script)
        (folder / "ssh").chmod(0o755)
        return folder

    return stranger


ANSWERS = f"""
say(harness={harness.__version__!r}, protocol=1)
for line in sys.stdin:
    asked = json.loads(line)["do"]
    if asked == "check":
        say(checks=CHECKS)
    elif asked == "missing":
        say(missing=[])
    elif asked == "run":
        json.dump(json.loads(line), open(os.path.dirname(__file__) + "/asked", "w"))
        say(told="at \\x1b[2Jwork")
        for each in TOLD:
            say(**each)
        sys.stdout.buffer.write(CONTENT)
        sys.stdout.flush()
        break
"""


def script(told: list[dict[str, Any]], content: bytes = b"", checks: object = ()) -> str:
    return f"TOLD, CONTENT, CHECKS = {told!r}, {content!r}, {list(checks)!r}\n{ANSWERS}"  # type: ignore[call-overload]


def ended(files: list[list[object]], status: int = 0) -> list[dict[str, Any]]:
    return [{"ended": status, "answer": "{}", "files": files}]


def recommended(**changes: Any) -> dict[str, Any]:
    """Return what `harness recommend --json` says: one method that fits, and one that does not."""
    time = {"value": 60.0, "low": 50.0, "high": 90.0, "unit": "s", "source": "predicted"}
    method = {
        "method": "random", "peak_memory_bytes": 2**20, "storage_bytes": 100, "search_time": time,
        "energy": {**time, "value": None}, "accuracy": {"value": 50.0}, "right": 2, "photos": 4,
        "epochs": 1, "verdict": None, "dropped": None,
    }  # fmt: skip
    large = {
        **method,
        "method": "darts",
        "right": None,
        "photos": 0,
        "dropped": "is \x1b[1mlarge",
    }
    return {
        "recommended": "random", "sentence": "Take \x1b[1mrandom.", "device": "cpu",
        "limits": {"memory_bytes": 2**30, "seconds": None, "joules": None},
        "methods": [method, large], "rehearsal": None, "remarks": [], **changes,
    }  # fmt: skip


# A board's own side, in this process


@dataclass
class Client:
    """The wire to a board that serves in a thread, and how it ended."""

    wire: Wire
    root: Path
    ended: list[int]

    def hello(self) -> Client:
        """Read what it says first."""
        assert "harness" in (self.wire.receive() or {})
        return self


@pytest.fixture
def board(tmp_path: Path) -> Callable[[], object]:
    """Return `board()`, a context in which a board with one cache is served to a `Client`."""
    root = tmp_path / "there"

    @contextmanager
    def board() -> Iterator[Client]:
        theirs, to_them = os.pipe()
        ours, to_us = os.pipe()
        ended: list[int] = []

        def work() -> None:
            try:
                ended.append(serve(root, Wire(theirs, to_us)))
            finally:
                os.close(to_us)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield Client(Wire(ours, to_them), root / "board", ended).hello()
        finally:
            os.close(to_them)
            thread.join(60)
            os.close(ours)
            os.close(theirs)

    return board


# A board that is reached by a real sshd


@dataclass
class Sshd:
    """An `sshd` of this machine, whose sessions have a home and a path of their own."""

    address: str
    home: Path
    folder: Path

    def client(self, *options: str) -> Path:
        """Return a folder with an `ssh` that has a configuration of its own, and these options."""
        bin_folder = self.folder / "bin"
        bin_folder.mkdir(exist_ok=True)
        config = self.folder / "ssh_config"
        given = {option.split()[0]: option for option in options}
        lines = {
            "IdentityFile": f"IdentityFile {self.folder / 'key'}",
            "UserKnownHostsFile": f"UserKnownHostsFile {self.folder / 'known'}",
        }
        fixed = ["IdentitiesOnly yes", "IdentityAgent none", "GlobalKnownHostsFile none"]
        wanted = [*{**lines, **given}.values(), *fixed, "SendEnv *"]
        config.write_text("\n".join(wanted) + "\n")
        script = f'#!/bin/sh\necho $$ > {self.folder}/pid\nexec {SSH} -F {config} "$@"\n'
        (bin_folder / "ssh").write_text(script)
        (bin_folder / "ssh").chmod(0o755)
        return bin_folder


@contextmanager
def serving(folder: Path, path: str) -> Iterator[Sshd]:
    """Run an `sshd` whose sessions find programs on `path`."""
    if SSHD is None or SSH is None or KEYGEN is None:
        pytest.skip("there is no sshd here (Debian: openssh-server)")
    for name in ("host", "key", "other"):
        words = [KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(words, check=True)  # noqa: S603 - OpenSSH's own, words of our own
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    public = (folder / "host.pub").read_text().split()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    (folder / "unknown").write_text("")
    home = folder / "home"
    home.mkdir()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\n"
        f"AuthorizedKeysFile {folder / 'key.pub'}\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nAcceptEnv *\n"
        f"SetEnv HOME={home} PATH={path} OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE\n"
    )
    with suppress(OSError):  # where root's sshd wants to be; another user's does not
        Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        words = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        process = subprocess.Popen(words, stderr=log)  # noqa: S603 - as above
        try:
            _await(port, process, folder / "log")
            yield Sshd(f"ssh://127.0.0.1:{port}", home, folder)
        finally:
            process.terminate()
            process.wait()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.skip(f"sshd does not start here: {log.read_text()[-200:]}")


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """Run an `sshd` that has this interpreter's harness; `ssh` of this test knows it."""
    if not (Path(sys.executable).parent / "harness").exists():
        pytest.skip("the command harness is not installed beside this interpreter")
    folder = tmp_path / "sshd"
    folder.mkdir()
    with serving(folder, f"{Path(sys.executable).parent}:/usr/bin:/bin") as board:
        monkeypatch.setenv("PATH", f"{board.client()}{os.pathsep}{os.environ['PATH']}")
        yield board


@pytest.fixture
def bare_sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """Run an `sshd` that has no harness."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    with serving(folder, "/usr/bin:/bin") as board:
        monkeypatch.setenv("PATH", f"{board.client()}{os.pathsep}{os.environ['PATH']}")
        yield board
