"""What is refused: what strangers send in a board's place, and what makes no sense here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.errors import UsageError
from tests.boards.conftest import call, ended, recommended, script

pytestmark = pytest.mark.timeout(200)

MANIFEST = json.dumps({"schema": 1, "made_by": "x", "files": {}}).encode()
PROBLEM = {"subject": "torch", "status": "problem", "finding": "is\nbroken", "advice": "mend it"}


@pytest.mark.parametrize(
    ("told", "content", "sentence"),
    [
        (ended([["../model.json", 3]]), b"abc", r"sends '\.\./model\.json' of 3 bytes"),
        (ended([["/etc/passwd", 3]]), b"abc", "sends '/etc/passwd'"),
        (ended([["sub/card.md", 3]]), b"abc", "sends 'sub/card.md'"),
        (ended([["evil.py", 3]]), b"abc", "sends 'evil.py'"),
        (ended([["card.md", 3], ["card.md", 3]]), b"abcabc", "sends 'card.md'"),
        (ended([["card.md", 2**40]]), b"abc", "sends 'card.md' of 1099511627776 bytes"),
        (ended([["card.md", -1]]), b"", "of -1 bytes"),
        (ended([["card.md", "x"]]), b"abc", "cannot be understood"),
        (ended([[{}, 3]]), b"abc", "cannot be understood"),
        ([{"ended": 0}], b"", "has sent no sound model"),
        ([{"ended": "no"}], b"", "cannot be understood"),
        ([{"told": 3}, *ended([])], b"", "cannot be understood"),
        (ended([["card.md", 30]]), b"abc", "the connection to ssh://nano was lost"),
        (ended([["manifest.json", len(MANIFEST)]]), MANIFEST, "no sound model: .* lists no"),
        (ended([]), b"", "has sent no sound model"),
        ([{"told": "Error: no \x1b[1mroom"}, *ended([], 2)], b"", "Error: on ssh://nano: no.*room"),
        (ended([], -9), b"", "was ended by signal 9, as where memory is short"),
        ([{"error": "the disk\n is full"}], b"", "on ssh://nano: the disk  is full"),
        ([], b"\xff\xfe{\n", "answers what cannot be understood"),
        ([], b"", "was lost; what runs there goes on: run the same command again"),
    ],
)  # fmt: skip
def test_what_a_stranger_sends_is_refused_whole(
    told: list[dict[str, Any]],
    content: bytes,
    sentence: str,
    stranger: Callable[[str], Path],
    photos: Path,
    scratch: Path,
) -> None:
    """Names, sizes and checksums are held to what was asked for; nothing is left, or elsewhere."""
    stranger(script(told, content))
    before = sorted(scratch.rglob("*"))
    result = call("adapt", photos, "--on", "ssh://nano", "-o", "model")
    assert result.exit_code == (2 if "room" in sentence else 1)
    *progress, last = result.stderr.splitlines()
    assert re.search(sentence, last), result.stderr
    assert "\x1b" not in result.stderr
    assert any("nano: at  [2Jwork" in line for line in progress)
    assert sorted(scratch.rglob("*")) == before


def test_board_that_cannot_compute_is_sent_nothing(
    stranger: Callable[[str], Path], photos: Path
) -> None:
    """What `harness doctor` finds there is said before a photo leaves this machine."""
    folder = stranger(script([], checks=[PROBLEM]))
    result = call("adapt", photos, "--on", "ssh://nano", "-o", "model")
    assert result.exit_code == 1
    assert result.stderr == "Error: on ssh://nano: torch: is broken; mend it\n"
    assert not (folder / "asked").exists()


def test_what_is_wrong_here_is_said_before_anything_is_sent(photos: Path, scratch: Path) -> None:
    """A wrong address, no photos, a folder that is there: exit status 2, and no connection."""
    (scratch / "there").mkdir()
    (scratch / "there" / "file").touch()
    for words, sentence in (
        ((photos, "--on", "me@nano", "-o", "model"), "is not the address of a board"),
        ((photos, "--on", "ssh://me:pw@nano", "-o", "model"), "holds no password"),
        (("nowhere", "--on", "ssh://nano", "-o", "model"), "does not exist"),
        ((photos, "--on", "ssh://nano", "-o", "there"), "is there already"),
        ((photos, "--on", "ssh://nano", "-o", "model", "--base", "no"), "'no' does not exist"),
    ):
        result = call("adapt", *words)
        assert result.exit_code == 2, result.output
        assert sentence in result.stderr
    with pytest.raises(UsageError, match="is not the address"):
        harness.adapt(photos, scratch / "model", on="nano")


@pytest.mark.parametrize(
    "answer",
    [
        "", "3", "{}", "[" * 9999, json.dumps(recommended(methods=[])),
        json.dumps(recommended(methods=[3])), json.dumps(recommended(limits={"x": 1})),
        json.dumps(recommended(device=[])),
        json.dumps(recommended(methods=[{**recommended()["methods"][0], "right": 5}])),
        json.dumps(recommended(methods=[{**recommended()["methods"][0], "photos": 10**12}])),
        json.dumps(recommended(methods=[{**recommended()["methods"][0], "epochs": "x"}])),
    ],
)  # fmt: skip
def test_recommendation_of_a_stranger_is_checked(
    stranger: Callable[[str], Path], photos: Path, answer: str
) -> None:
    """What is no recommendation is a sentence, whatever it is."""
    stranger(script([{"ended": 0, "answer": answer}]))
    result = call("recommend", photos, "--on", "ssh://nano")
    assert result.exit_code == 1
    assert "Error: what ssh://nano recommends cannot be read: " in result.stderr
