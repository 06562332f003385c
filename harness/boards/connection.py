"""Connects to a board's harness, by OpenSSH's own client.

The keys, agent, known hosts and configuration are the person's; no password is asked for, and
nothing of the caller's environment is sent. On the other side `harness devices serve` answers: both
send lines of JSON, and files after the lines that announce them. So no word of a person's goes
through a shell.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from pydantic import BaseModel

from harness import __version__
from harness.errors import HarnessError, UsageError
from harness.system.streams import Wire
from harness.system.text import plain

__all__ = [
    "PROTOCOL",
    "STOPPED",
    "BoardAddress",
    "BoardAnswer",
    "BoardError",
    "Connection",
    "connected",
]

PROTOCOL = 1
STOPPED = 130  # exit status of what serves there: 128 + SIGINT, as shells have it

# What a login shell of any kind takes; the folder is where people link commands to.
REMOTE = "sh -c 'PATH=$PATH:$HOME/.local/bin; export PATH; exec harness devices serve'"
NOT_FOUND, UNREACHABLE = 127, 255  # exit statuses of shells, and of ssh

OPTIONS = (
    "BatchMode=yes", "ClearAllForwardings=yes", "RemoteCommand=none", "ConnectTimeout=30",
    "ServerAliveInterval=15", "ServerAliveCountMax=4",
)  # fmt: skip

# All that ssh itself sees of the environment, so that no `SendEnv` of a configuration can send
# more: what it finds keys, agents, tickets and the programs of a `ProxyCommand` by.
SEEN = (
    "HOME", "LOGNAME", "PATH", "SHELL", "USER", "SSH_AUTH_SOCK", "KRB5CCNAME", "XDG_RUNTIME_DIR",
)  # fmt: skip

ADVICE = {
    "identification has changed": "find out why its host key is another one",
    "host key verification failed": "connect once by ssh alone, and compare the fingerprint",
    "permission denied": "give it your key (ssh-copy-id), or load the key into an agent (ssh-add); "
    "no password is asked for",
    "could not resolve": "correct the name, or give its number",
    "connection refused": "see that it is on, and has an ssh server at this port",
}
STOPS_IN_S = 90.0
MOST_NOISE = 1000  # lines that a login script may print before the harness answers
MOST_ERRORS = 2**20  # bytes of what ssh says


class BoardError(HarnessError):
    """A board that cannot be used, or work on it that failed; the message names the board."""

    def __init__(self, sentence: str, exit_code: int = HarnessError.exit_code) -> None:
        """Take the sentence, and the exit status of the command."""
        super().__init__(sentence)
        self.exit_code = exit_code


@dataclass(frozen=True)
class BoardAddress:
    """Where a board is; the host may be a name of the person's ssh configuration."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parsed(cls, text: str) -> BoardAddress:
        """Read `ssh://user@host:port`, of which only the host must be there.

        Raises:
            UsageError: it is something else, or holds a password.
        """
        pattern = r"ssh://(?:([^@/]*)@)?(\[[\w.:%]+\]|[^@:/\[\]]+)(?::(\d{1,5}))?/?"
        match = re.fullmatch(pattern, text)
        user, host, port = match.groups() if match else (None, "", None)
        if user is not None and ":" in user:
            raise UsageError("an address holds no password; give the board your key (ssh-copy-id)")
        host = host.strip("[]")
        names = [host] if user is None else [host, user]
        is_sound = all(re.fullmatch(r"[\w.%:][\w.%:-]*", each, re.ASCII) for each in names)
        if not is_sound or (port is not None and not 0 < int(port) < 2**16):
            raise UsageError(
                f"'{plain(text)}' is not the address of a board; write ssh://user@board, or "
                "ssh://user@board:port"
            )
        return cls(host, user, None if port is None else int(port))

    def words(self) -> list[str]:
        """Return the command that connects."""
        options = [word for option in OPTIONS for word in ("-o", option)]
        port = [] if self.port is None else ["-p", str(self.port)]
        user = [] if self.user is None else ["-l", self.user]
        return ["ssh", "-T", "-a", "-x", *options, *port, *user, "--", self.host, REMOTE]

    def __str__(self) -> str:
        """Name it as it is given."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = "" if self.user is None else f"{self.user}@"
        return f"ssh://{user}{host}" + ("" if self.port is None else f":{self.port}")


class BoardAnswer(BaseModel):
    """What a board says; which fields there are depends on what it was asked for."""

    harness: str = ""
    protocol: int = 0
    machine: list[str] = []
    checks: list[dict[str, str]] = []
    missing: list[str] = []
    told: str = ""
    ended: int | None = None
    answer: str = ""
    files: list[tuple[str, int]] = []
    error: str = ""


@contextmanager
def connected(address: BoardAddress) -> Iterator[Connection]:
    """Connect to a board's harness.

    Raises:
        BoardError: it cannot be reached, has no harness or another one; or the connection is lost.
    """
    environment = {name: os.environ[name] for name in SEEN if name in os.environ}
    with tempfile.TemporaryFile() as errors:
        try:
            # A session of its own: Ctrl-C is told to the board, and must not end ssh before.
            process = subprocess.Popen(  # noqa: S603 - OpenSSH's client, without a shell
                address.words(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise BoardError(f"ssh cannot be started ({error.strerror}); install OpenSSH") from None
        connection = Connection(address, process, errors)
        try:
            connection.greet()
            yield connection
        except (EOFError, BrokenPipeError):
            raise connection.lost() from None
        finally:
            connection.close()


class Connection:
    """A board whose harness answers; made by `connected`.

    Attributes:
        address: of the board.
        wire: to its harness.
        machine: the names that the board goes by, as devices are recognised.
        is_at_work: whether a command runs there, which a lost connection does not end.
    """

    def __init__(
        self, address: BoardAddress, process: subprocess.Popen[bytes], errors: IO[bytes]
    ) -> None:
        """Take the process of ssh, and where it writes its errors."""
        self.address, self._process, self._errors = address, process, errors
        pipes = [each.fileno() for each in (process.stdout, process.stdin) if each is not None]
        self.wire = Wire(*pipes)
        self.machine: list[str] = []
        self.is_at_work = self._has_greeted = False

    def greet(self) -> None:
        """Wait for the board's harness, past what login scripts print.

        Raises:
            BoardError: it is of another version, or something else answers.
            EOFError: nothing does.
        """
        for _ in range(MOST_NOISE):
            with suppress(ValueError):
                hello = BoardAnswer.model_validate(self.wire.receive())
                if hello.harness:
                    break
        else:
            raise BoardError(f"{self.address} answers, but not as harness does")
        if hello.protocol != PROTOCOL:
            raise BoardError(
                f"{self.address} has harness {plain(hello.harness)}, which {__version__} "
                "cannot work with; install the same version on both"
            )
        self._has_greeted = True
        self.machine = [plain(name) for name in hello.machine]

    def answer(self) -> BoardAnswer:
        """Return what the board says next.

        Raises:
            BoardError: it is that something has failed, or cannot be understood.
            EOFError: the connection is lost.
        """
        try:
            said = BoardAnswer.model_validate(self.wire.receive())
        except ValueError:
            raise BoardError(f"{self.address} answers what cannot be understood") from None
        if said.error:
            raise BoardError(f"on {self.address}: {plain(said.error)}")
        return said

    def forget(self) -> None:
        """Tell the board that its result is here, and need not be kept there."""
        with suppress(OSError):
            self.wire.send(do="forget")

    def stop(self, say: Callable[[str], None]) -> None:
        """Stop what runs there; a second Ctrl-C does not wait for it."""
        say(f"stopping {self.address}")
        with suppress(OSError, subprocess.TimeoutExpired, KeyboardInterrupt):
            self.wire.send(do="stop")
            if self._process.wait(STOPS_IN_S) == STOPPED:
                return
        say(f"{self.address} was not seen to stop, and may go on by itself")

    def received(
        self, files: Sequence[tuple[str, int]], most: Mapping[str, int]
    ) -> Iterator[tuple[str, bytes]]:
        """Yield the pieces of the files that a command has made, with the names of the files.

        Raises:
            BoardError: a file has another name than those of `most`, comes twice, or is larger.
        """
        names: set[str] = set()
        for name, size in files:
            if name not in most or name in names or not 0 <= size <= most[name]:
                raise BoardError(
                    f"{self.address} sends '{plain(name)}' of {plain(size)} bytes, which is no "
                    "part of what was asked for"
                )
            names.add(name)
            for piece in self.wire.read(size):
                yield name, piece

    def lost(self) -> BoardError:
        """Say why nothing is heard of the board."""
        status = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read(MOST_ERRORS).decode("utf-8", "replace").splitlines()
        told = plain(next((line for line in reversed(lines) if line.strip()), "")).rstrip(".")
        if not self._has_greeted:
            return BoardError(self._absence(status, told, "\n".join(lines).lower()))
        then = "what runs there goes on" if self.is_at_work else "what was sent is kept"
        why = f" ({told})" if told else ""
        return BoardError(
            f"the connection to {self.address} was lost{why}; {then}: run the same command again"
        )

    def _absence(self, status: int, told: str, everything: str) -> str:
        if status == UNREACHABLE:
            advice = (advice for sign, advice in ADVICE.items() if sign in everything)
            hint = next(advice, "see whether ssh alone reaches it")
            return f"{self.address} cannot be reached ({told}); {hint}"
        if status == NOT_FOUND:
            return (
                f"{self.address} has no harness: install it there (pip install onnas-harness), "
                "and link the command into ~/.local/bin if it is in an environment of its own"
            )
        if "command 'serve'" in everything:
            return f"{self.address} has an older harness; install {__version__} there"
        return f"the harness of {self.address} does not answer ({told or f'status {status}'})"

    def close(self) -> None:
        """End the connection; what runs on the board goes on."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
