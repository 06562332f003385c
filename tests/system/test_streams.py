"""Whatever becomes of the standard streams, a command does its work and tells what it can."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.api.progress import LineProgress
from harness.cli.output import print_json, result_console
from harness.reports.table import Column, Table, TableCell
from harness.reports.terminal import print_tables
from harness.system.streams import SafeStream, is_terminal, tell

Harness = Callable[..., "subprocess.CompletedProcess[bytes]"]

HARNESS = f'"{sys.executable}" -m harness'


@pytest.fixture
def shell() -> Harness:
    """Return `shell(line, **environment)`, which has a shell run a line with HARNESS in it."""

    def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        command = ["bash", "-o", "pipefail", "-c", line.replace("HARNESS", HARNESS)]
        return subprocess.run(  # noqa: S603 - the tests' own lines
            command, env={**os.environ, **environment}, capture_output=True, check=False
        )

    return shell


def test_closed_streams_change_no_status(shell: Harness) -> None:
    """Without any of the three streams a command ends as it does with them."""
    answer = shell("HARNESS list budgets >&- 2>&- <&-")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")
    answer = shell("HARNESS list nonsense 2>&-")
    assert (answer.returncode, answer.stderr) == (2, b"")


def test_results_that_went_nowhere_are_told(shell: Harness) -> None:
    """A full disk behind standard output is a sentence and status 1; one behind errors is none."""
    answer = shell("HARNESS list budgets >/dev/full")
    assert answer.returncode == 1
    assert answer.stderr == b"Error: not all results could be printed: No space left on device\n"
    assert shell("HARNESS list budgets 2>/dev/full").returncode == 0
    assert shell("HARNESS show nonsense 2>/dev/full >/dev/full").returncode == 2


def test_a_reader_that_goes_away_is_nobodys_fault(shell: Harness) -> None:
    """`| head` ends the printing, and neither the command nor its status."""
    answer = shell("HARNESS list devices --json | head -c 1")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"[", b"")


@pytest.mark.parametrize(("encoding", "micro"), [("ascii", b" us,"), ("latin-1", b" \xb5s,")])
def test_signs_are_replaced_where_there_are_none(
    shell: Harness, encoding: str, micro: bytes
) -> None:
    """A micro sign is written as the encoding has it, and as a letter where it has none."""
    answer = shell("HARNESS show jetson", PYTHONIOENCODING=encoding)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert micro in answer.stdout
    answer.stdout.decode(encoding)


class Refusing(io.RawIOBase):
    """A file that is full."""

    def writable(self) -> bool:
        return True

    def write(self, _: Any) -> int:
        raise OSError(28, "No space left on device")


FULL: Any = Refusing()


@pytest.mark.parametrize("stream", [None, io.TextIOWrapper(FULL), io.StringIO()])
def test_progress_goes_on_in_a_notebook(
    stream: io.TextIOBase | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the harness is called from Python, no stream of messages ends the work."""
    if isinstance(stream, io.StringIO):
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    LineProgress(3).said("a sentence")
    tell("another − one")
    assert not is_terminal(sys.stderr)
    if isinstance(stream, io.TextIOWrapper):
        stream.detach()


def test_what_cannot_be_encoded_is_escaped() -> None:
    """Signs that people read have plain ones; bytes of names and other signs are escaped."""
    reader, writer = os.pipe()
    stream = SafeStream(writer, "cp1252")
    stream.write("−1 ± Δ 中 B\udce4r é\n")
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        assert file.read() == b"-1 \xb1 delta \\u4e2d B\\xe4r \xe9\n"


def test_a_slow_reader_of_a_pipe_is_waited_for() -> None:
    """A pipe that does not block, as some programs make it, gets all of a long text."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    text = "x" * 300_000
    with subprocess.Popen(["wc", "-c"], stdin=reader, stdout=subprocess.PIPE) as counter:  # noqa: S607 - of the system
        os.close(reader)
        SafeStream(writer).write(text)
        os.close(writer)
        assert counter.stdout is not None
        assert int(counter.stdout.read()) == len(text)


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"])
def test_a_pipe_gets_whole_rows_without_colours(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What forces a terminal's colours or width, as CI does, folds no row and adds no code."""
    monkeypatch.setenv(variable, "1")
    cells = (TableCell("m" * 90), TableCell("d" * 60))
    table = Table(
        key="t", title="A table", caption=(),
        columns=(Column("method", "method"), Column("data", "data")), rows=(cells,), notes=(),
    )  # fmt: skip
    print_tables([table], result_console())
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert [line for line in printed.splitlines() if "m" * 90 in line and "d" * 60 in line]


def test_json_is_json_whatever_the_stream(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names that no encoding has a sign for are JSON's escapes, which read as the same name."""
    print_json({"name": "B\udce4r"})
    assert json.loads(capsys.readouterr().out) == {"name": "B\udce4r"}
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    print_json({"name": "中"})
    stream.flush()
    assert json.loads(stream.buffer.getvalue()) == {"name": "中"}


def test_lines_of_tables_are_of_signs_that_the_stream_has(tmp_path: Path) -> None:
    """Rich draws with plain lines where the encoding has no others."""
    handle = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    console = Console(file=SafeStream(handle, "ascii"), width=80)  # type: ignore[arg-type] # no TextIO
    console.rule("a … b")
    os.close(handle)
    assert (tmp_path / "out").read_bytes().decode("ascii").strip(" -\n") == "a ... b"
