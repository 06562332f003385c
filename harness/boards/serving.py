"""What a board does for another machine: `harness devices serve`, on standard input and output.

Requests and answers are lines of JSON; the bytes of a file follow the line that announces it. So no
word of a person's goes through a shell. Below the cache of the board's user:

board/files/SHA256    what was sent, by content
board/jobs/KEY/       one command of the harness: its inputs, its result, and what it says

A command goes on when the connection is lost: the same request finds it, and waits for its end.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from harness import __version__
from harness.boards.connection import PROTOCOL, STOPPED
from harness.canonical import digest
from harness.devices.readings.linux import machine_names
from harness.errors import HarnessError, UsageError
from harness.plugins.profile_files import DEVICES_VARIABLE
from harness.runtime.interpreters import run_python
from harness.system.files import made_folder, not_written, take_lock, write_whole
from harness.system.streams import Wire

__all__ = ["serve"]

LOOK_EVERY_S = 0.2
RECENT = 2000  # bytes
PATIENCE_S = 30.0  # until a command that was asked to stop is made to

PROGRAM = (sys.executable, "-m", "harness")
DOCTOR = ("doctor", "--json", "--output")


def serve(cache_root: Path, wire: Wire) -> int:
    """Answer requests until there are none; return the exit status.

    Args:
        cache_root: what was sent, and commands under way, are kept below it.
        wire: to the other machine.
    """
    board = _Board(made_folder(cache_root.absolute() / "board"), wire)
    wire.send(harness=__version__, protocol=PROTOCOL, machine=machine_names())
    try:
        while request := wire.receive():
            if (status := board.answer(request)) is not None:
                return status
    except (EOFError, BrokenPipeError):  # the connection is lost, or all is said
        return 0
    except (HarnessError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        said = isinstance(error, HarnessError)
        wire.send(error=str(error) if said else f"{type(error).__name__}: {error}")
        return HarnessError.exit_code
    return 0


class _Board:
    """What there is on this side of the wire."""

    def __init__(self, root: Path, wire: Wire) -> None:
        self._root, self._wire = root, wire
        self._files = made_folder(root / "files")

    def answer(self, request: Mapping[str, Any]) -> int | None:
        """Do what is asked; return an exit status if that was the last."""
        asked = request["do"]
        if asked == "check":
            # Of another process, which gives all its memory back.
            told = run_python("-m", "harness", *DOCTOR, str(self._root))
            self._wire.send(checks=json.loads(told.stdout))
        elif asked == "missing":
            there = {each.name for each in self._files.iterdir()}
            self._wire.send(missing=[each for each in request["files"] if each not in there])
        elif asked == "keep":
            self._keep(request["sha256"], int(request["bytes"]))
        elif asked == "run":
            return self._run(request)
        else:
            raise UsageError(f"no board of harness {__version__} can '{asked}'")
        return None

    def _keep(self, sha256: str, count: int) -> None:
        """Keep a file by its content; one that broke off leaves nothing."""
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            raise UsageError(f"'{sha256[:80]}' is not a SHA-256")
        part = self._files / f".part-{os.getpid()}"
        found = hashlib.sha256()
        try:
            with not_written(part), part.open("wb") as file:
                for piece in self._wire.read(count):
                    found.update(piece)
                    file.write(piece)
            if found.hexdigest() != sha256:
                raise UsageError("a file has changed while it was sent; run the same command again")
            part.replace(self._files / sha256)
        finally:
            part.unlink(missing_ok=True)

    def _run(self, request: Mapping[str, Any]) -> int:
        """Run a command, or find it running, until its end; return an exit status."""
        key = digest({name: request[name] for name in ("words", "files", "folders", "result")})
        job = _BoardJob(self._root / "jobs" / key[:16], request["words"], request["result"])
        is_new = job.start(lambda: self._lay_out(job.folder, request))
        if not is_new:
            self._wire.send(told="going on with what was started before")
        for line in job.lines():
            if line:
                self._wire.send(told=line)
            asked = self._wire.receive(0)
            if asked is not None and asked.get("do") == "stop":
                job.stop()
                return STOPPED
        self._give(job)
        if (self._wire.receive() or {}).get("do") == "forget":
            shutil.rmtree(job.folder, ignore_errors=True)
        return 0

    def _lay_out(self, folder: Path, request: Mapping[str, Any]) -> None:
        """Put what was sent where a command finds it."""
        for name in request["folders"]:
            (folder / _inside(name)).mkdir(parents=True, exist_ok=True)
        for name, sha256 in request["files"].items():
            source, target = self._files / _inside(sha256), folder / _inside(name)
            if not source.is_file():
                raise UsageError(f"'{name}' has not arrived; run the same command again")
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                continue
            try:
                target.hardlink_to(source)
            except OSError:  # a file system without
                shutil.copyfile(source, target)

    def _give(self, job: _BoardJob) -> None:
        """Send how a command ended, what it said, and its result."""
        files = job.result_files()
        sizes = [(each.name, each.stat().st_size) for each in files]
        self._wire.send(ended=job.status, answer=job.answer(), files=sizes)
        for path, (_, size) in zip(files, sizes, strict=True):
            self._wire.send_file(path, size)


class _BoardJob:
    """A command of the harness in a folder of its own, as a process that outlives a connection.

    Attributes:
        folder: of it.
        status: its exit status, once it has ended.
    """

    def __init__(self, folder: Path, words: list[str], result: str | None) -> None:
        self.folder, self._words = folder, words
        self._result = None if result is None else folder / "work" / _inside(result)
        self._told, self._answer = folder / "told", folder / "answer"
        self._process: subprocess.Popen[bytes] | None = None
        self.status = 0

    def start(self, lay_out: Callable[[], None]) -> bool:
        """Start it unless it runs or has ended well; tell whether it was started.

        Args:
            lay_out: puts what it needs into its folder.
        """
        made_folder(self.folder / "work")
        with (self.folder / "lock").open("ab") as lock:
            if take_lock(lock.fileno()) is False:
                return False
            if self._has_ended_well():  # nobody was there when it ended
                return False
            if self._result is not None:
                _remove(self._result)
            lay_out()
            with self._told.open("wb") as told, self._answer.open("wb") as answer:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                    [*PROGRAM, *self._words],
                    cwd=self.folder / "work",
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=answer,
                    stderr=told,
                    start_new_session=True,
                    pass_fds=[lock.fileno()],  # held for as long as it lives
                )
            write_whole(self.folder / "process", str(self._process.pid))
        return True

    def _environment(self) -> dict[str, str]:
        """Return the board's own environment, with the profiles of devices that were sent."""
        sent = self.folder / "devices"
        cache = {"HARNESS_CACHE": str(self.folder.parents[2])}
        if not sent.is_dir():
            return {**os.environ, **cache}
        own = os.environ.get(DEVICES_VARIABLE)
        profiles = os.pathsep.join([str(sent), own] if own else [str(sent)])
        return {**os.environ, **cache, DEVICES_VARIABLE: profiles}

    def lines(self) -> Iterator[str]:
        """Yield what it says, line by line, until it has ended; empty where nothing was said."""
        rest, position = b"", 0
        if self._process is None:  # somebody else has seen the rest
            told = self._told.read_bytes()
            position = told.find(b"\n", len(told) - RECENT) + 1 if len(told) > RECENT else 0
        while True:
            is_running = self._is_running()  # asked first: what is said last is not lost
            with self._told.open("rb") as file:
                file.seek(position)
                content = file.read()
            position += len(content)
            *lines, rest = (rest + content).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in lines)
            if not is_running:
                break
            yield ""
            time.sleep(LOOK_EVERY_S)
        if rest:
            yield rest.decode("utf-8", "replace")
        self.status = self._ended()

    def _is_running(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        with (self.folder / "lock").open("ab") as lock:
            return take_lock(lock.fileno()) is False

    def _ended(self) -> int:
        """Return the exit status; of a process that was somebody else's only its result tells."""
        if self._process is not None:
            return self._process.returncode
        return 0 if self._has_ended_well() else HarnessError.exit_code

    def _has_ended_well(self) -> bool:
        return bool(self.answer() and (self._result is None or self.result_files()))

    def stop(self) -> None:
        """End it as Ctrl-C does, and if it takes too long, at once."""
        with suppress(OSError, ValueError):
            group = int((self.folder / "process").read_text())
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                os.killpg(group, number)
                until = time.monotonic() + PATIENCE_S
                while time.monotonic() < until and self._is_running():
                    time.sleep(LOOK_EVERY_S)

    def result_files(self) -> list[Path]:
        """Return the file, or the files of the folder, that it was to make, if there is one."""
        if self._result is None:
            return []
        if self._result.is_dir():
            return sorted(each for each in self._result.iterdir() if each.is_file())
        return [self._result] if self._result.is_file() else []

    def answer(self) -> str:
        """Return the JSON that it has printed; empty if it has not, or not all of it."""
        try:
            text = self._answer.read_text("utf-8")
            json.loads(text)
        except (OSError, ValueError):
            return ""
        return text


def _inside(name: str) -> PurePosixPath:
    """Return a path that stays below the folder that it is joined to.

    Raises:
        UsageError: it would not.
    """
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise UsageError(f"'{name[:80]}' is not a path within a job's folder")
    return path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
