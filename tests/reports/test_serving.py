"""`harness view`: one page, for this machine alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.reports.delivery import LOCALHOST, PageServer, newest_run, page_server
from harness.results.record import Record

MADE: list[int] = []


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    MADE.clear()

    def page() -> tuple[str, bool]:
        MADE.append(1)
        return "<p>a page</p>", True

    with page_server(tmp_path, 0, page) as started:
        thread = threading.Thread(target=started.serve_forever)
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def ask(server: PageServer, path: str, host: str | None = None) -> tuple[int, str, str | None]:
    """Return status, body and the header that has the browser ask again."""
    connection = HTTPConnection(LOCALHOST, server.server_port, timeout=60)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host or f"{LOCALHOST}:{server.server_port}")
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), answer.getheader("Refresh")


def test_it_serves_the_page_and_asks_to_come_again(server: PageServer) -> None:
    """While trials are to come the browser asks again; nothing changed, so it is made once."""
    assert ask(server, "/") == (200, "<p>a page</p>", "10")
    ask(server, "/")
    assert len(MADE) == 1


def test_it_is_made_anew_when_a_trial_has_ended(server: PageServer, tmp_path: Path) -> None:
    """A new record changes the page."""
    ask(server, "/")
    (tmp_path / "trials" / "one").mkdir(parents=True)
    (tmp_path / "trials" / "one" / "record.json").write_text("{}")
    ask(server, "/")
    assert len(MADE) == 2


def test_a_page_that_cannot_be_made_is_an_answer(
    server: PageServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The browser reads why; standard error says nothing, neither of that nor of one that left."""

    def fail() -> tuple[str, bool]:
        raise UsageError("/runs/one does not exist")

    monkeypatch.setattr(server, "page", fail)
    status, body, _ = ask(server, "/")
    assert (status, "/runs/one does not exist" in body) == (500, True)
    try:
        raise BrokenPipeError
    except BrokenPipeError:
        server.handle_error(None, None)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "path", ["/plan.json", "/../etc/passwd", "//etc/passwd", "/?x", "/%2e%2e/"]
)
def test_no_path_from_the_network_is_taken(server: PageServer, path: str) -> None:
    """There is one page; all else is not there."""
    status, _, _ = ask(server, path)
    assert status == 404


def test_another_host_is_refused(server: PageServer) -> None:
    """A web site that resolves its own name to this machine gets nothing."""
    assert ask(server, "/", host="evil.example")[0] == 403


def test_it_listens_on_this_machine_alone(server: PageServer) -> None:
    """The socket is bound to the loopback address."""
    assert server.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_told(server: PageServer, tmp_path: Path) -> None:
    """In a sentence, without a traceback."""
    taken = page_server(tmp_path, server.server_port, lambda: ("", False))
    with pytest.raises(UsageError, match=f"port {server.server_port} cannot be used"), taken:
        pass


def test_the_newest_run_is_the_one_written_last(tmp_path: Path) -> None:
    """By its plan or its estimate; without any, a sentence says so."""
    with pytest.raises(UsageError, match="there is no run in"):
        newest_run([tmp_path])
    for age, name in enumerate(("old", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").write_text("{}")
        os.utime(tmp_path / name / "plan.json", (1000 + age, 1000 + age))
    assert newest_run([tmp_path]) == tmp_path / "new"


@pytest.mark.slow
def test_ctrl_c_ends_it_cleanly(
    tmp_path: Path, make_record: Callable[..., Record], write_run: Callable[..., Path]
) -> None:
    """It says where the page is, and ends with status 0."""
    run = write_run(tmp_path / "run", [make_record()])
    command = [sys.executable, "-m", "harness", "view", str(run), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stderr is not None
        assert "http://127.0.0.1:" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0
        assert process.stderr.read().strip() == "Stopped."
