"""What a machine has run out of is a sentence with what to do."""

from __future__ import annotations

import errno
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.errors import UsageError
from harness.runtime.forkserver import processes
from harness.system import limits
from harness.system.limits import in_a_sentence

NEEDED = [
    (OSError(errno.EMFILE, "Too many open files"), "Too many open files; raise .*ulimit -n 1024"),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), "Cannot allocate memory; .*ulimit -v"),
    (OSError(errno.EROFS, "Read-only file system", "/x"), "/x: Read-only file system; choose"),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), "Disk quota exceeded; make room"),
    (OSError("AF_UNIX path too long"), "AF_UNIX path too long$"),
    (MemoryError(), "this process may not have more memory; .*ulimit -v"),
    (RuntimeError("can't start new thread"), "can't start new thread; .*ulimit -u"),
    (ModuleNotFoundError("No module named 'torch'", name="torch"), "a library .*harness doctor"),
    (
        ImportError("libc10.so: cannot open", name="torch"),
        r"a library .*\(libc10.so: cannot open\)",
    ),
    (ImportError("libtorch.so: failed to map segment"), "a library cannot be loaded .*ulimit -v"),
]


@pytest.mark.parametrize(("error", "words"), NEEDED)
def test_what_is_missing_is_a_sentence(
    error: BaseException, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever in a command it happens: one line, status 1, and no traceback."""

    def fail() -> None:
        raise error

    monkeypatch.setattr("harness.cli.output.load_plugins", fail)
    result = CliRunner().invoke(cli, ["list", "methods"])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert re.match(f"Error: {words}", line)


FAULTS = [
    RuntimeError("a fault"),
    ImportError("no module"),
    ImportError("no module", name="harness.gone"),
    KeyError(),
]


@pytest.mark.parametrize("error", FAULTS)
def test_a_fault_of_the_harness_is_no_lack(error: BaseException) -> None:
    """What is no matter of the machine stays what it is, for whoever mends it."""
    assert in_a_sentence(error) is None


def test_few_files_are_made_more() -> None:
    """A process that may raise its limit does; one that may not is told what to allow."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, HARD));"
        "from harness.system.limits import want_files, open_files; want_files();"
        "print(open_files())"
    )

    def allowed(soft: int, hard: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code.replace("SOFT", str(soft)).replace("HARD", str(hard))]
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours

    assert allowed(40, 600).stdout == "600\n"
    assert "may have 20 files open here, and trials need 32" in allowed(20, 20).stderr


def test_too_few_files_are_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is started that would die without a word."""
    monkeypatch.setattr(limits, "open_files", lambda: 12)
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    with pytest.raises(UsageError, match="ulimit -n 1024"):
        processes([])
