"""Addresses, and what is said of boards that cannot be reached or do not answer as they should."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.boards.connection import REMOTE, BoardAddress, BoardError, connected
from harness.errors import UsageError
from tests.boards.conftest import Sshd

Stranger = Callable[[str], Path]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh://board", BoardAddress("board")),
        ("ssh://me@board/", BoardAddress("board", "me")),
        ("ssh://me@nano.local:2222", BoardAddress("nano.local", "me", 2222)),
        ("ssh://[fe80::1%eth0]:22", BoardAddress("fe80::1%eth0", None, 22)),
        ("ssh://192.168.0.7", BoardAddress("192.168.0.7")),
    ],
)
def test_address_is_read(text: str, address: BoardAddress) -> None:
    """User and port may be left out; what is shown can be given again."""
    assert BoardAddress.parsed(text) == address
    assert BoardAddress.parsed(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "board", "me@board", "http://board", "ssh://", "ssh://@board", "ssh://me@", "ssh://board:0",
        "ssh://board:70000", "ssh://board:x", "ssh://board/home", "ssh://-oProxyCommand=x",
        "ssh://-l@board", "ssh://a b", "ssh://a;b", "ssh://$(x)", "ssh://a\nb", "ssh://a`b`@c",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    """No option of ssh's, and nothing that a shell acts on, gets through as a name."""
    with pytest.raises(UsageError, match="is not the address of a board; write ssh://user@board"):
        BoardAddress.parsed(text)


def test_password_is_refused_and_not_repeated() -> None:
    """It would stand in the list of processes and in the shell's history."""
    with pytest.raises(UsageError, match="holds no password") as refused:
        BoardAddress.parsed("ssh://me:secret@board")
    assert "secret" not in str(refused.value)


def test_command_asks_for_nothing_and_sends_no_more() -> None:
    """No password, no agent, no display, no tunnel; the host cannot be taken for an option."""
    words = BoardAddress("board", "me", 2222).words()
    assert words[:4] == ["ssh", "-T", "-a", "-x"]
    assert {"BatchMode=yes", "ClearAllForwardings=yes"} <= set(words)
    assert words[-7:] == ["-p", "2222", "-l", "me", "--", "board", REMOTE]


HELLO = f"say(harness={harness.__version__!r}, protocol=1)\n"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("sys.exit('it broke')", r"does not answer \(it broke\)"),
        ("print('ssh: Could not resolve hostname nano', file=sys.stderr); sys.exit(255)",
         "correct the name, or give its number"),
        ("print('Permission denied (publickey).', file=sys.stderr); sys.exit(255)",
         r"cannot be reached \(Permission denied \(publickey\)\); give it your key"),
        ("print('Host key verification failed.', file=sys.stderr); sys.exit(255)",
         "compare the fingerprint"),
        ("print('kex: \\x1b[31mbroken', file=sys.stderr); sys.exit(255)",
         r"cannot be reached \(kex:  \[31mbroken\); see whether ssh alone reaches it"),
        ("sys.exit(127)", "has no harness: install it there"),
        ("print(\"Error: unknown command 'serve'\", file=sys.stderr); sys.exit(2)",
         "has an older harness"),
        ("say(harness='9\\x1b', protocol=2)", "has harness 9, which .* cannot work with"),
        ("print('{}\\n' * 2000)", "not as harness does"),
    ],
)  # fmt: skip
def test_what_is_no_board_is_said_in_a_sentence(
    stranger: Stranger, script: str, sentence: str
) -> None:
    """Each names the address, says why, and what to do; nothing acts on the terminal."""
    stranger(script)
    with pytest.raises(BoardError, match=sentence) as failed, connected(BoardAddress("nano", "me")):
        pass
    assert "ssh://me@nano" in str(failed.value)
    assert str(failed.value).isprintable()
    assert failed.value.exit_code == 1


def test_login_scripts_may_talk_and_nothing_of_the_environment_is_seen(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines before the harness answers are passed over; ssh gets what it finds keys by alone."""
    monkeypatch.setenv("SECRET", "1")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    folder = stranger(
        f"print('Welcome!\\n[]\\n3\\n'); {HELLO}json.dump(dict(os.environ), open(f"
        "'{os.path.dirname(__file__)}/seen', 'w')); sys.stdin.read()"
    )
    with connected(BoardAddress("nano")) as connection:
        assert connection.machine == []
    seen = (folder / "seen").read_text()
    assert "SSH_AUTH_SOCK" in seen
    assert "SECRET" not in seen
    assert "HARNESS" not in seen


def test_without_ssh_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenSSH is not installed, that is what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BoardError, match="install OpenSSH"), connected(BoardAddress("nano")):
        pass


def test_real_ssh_says_why(bare_sshd: Sshd) -> None:
    """By OpenSSH itself: no harness, a wrong key, an unknown host, a closed port."""
    cases: list[tuple[str, str, str]] = [
        ("", bare_sshd.address, "has no harness"),
        (f"IdentityFile {bare_sshd.folder / 'other'}", bare_sshd.address, "give it your key"),
        (f"UserKnownHostsFile {bare_sshd.folder / 'unknown'}", bare_sshd.address, "fingerprint"),
        ("", f"ssh://127.0.0.1:{closed_port()}", "has an ssh server"),
    ]
    for option, address, sentence in cases:
        bare_sshd.client(*([option] if option else []))
        with pytest.raises(BoardError, match=sentence), connected(BoardAddress.parsed(address)):
            pass
    assert (bare_sshd.folder / "unknown").read_text() == ""  # nobody was taken on trust
    assert not any(bare_sshd.home.rglob("board"))
    assert os.environ["PATH"].startswith(str(bare_sshd.folder))


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
