"""All pictures of a folder: the same bytes each time, and safe whatever a label says."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from harness.reports.pictures import draw_all
from harness.results.load import load_results
from harness.results.record import Record

Make = Callable[..., Record]
HOSTILE = "</text><script>alert('$x^{')</script> & \x1b[31m\x00 $\\frac{"


def test_the_same_records_make_the_same_bytes(
    make_record: Make, write_run: Callable[..., Path], architecture: Any, tmp_path: Path
) -> None:
    """Drawn twice, every file is the same, and none holds a date."""
    run = write_run(tmp_path / "run", [make_record(architecture=architecture)])
    first, second = (draw_all(load_results([run]), tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == [
        "accuracy-memory.svg", "accuracy-memory.png", "time-memory.svg", "time-memory.png",
        "cells-1.svg", "cells-1.png",
    ]  # fmt: skip
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert b"dc:date" not in one.read_bytes()


def test_a_hostile_label_is_only_text(
    make_record: Make, write_run: Callable[..., Path], tmp_path: Path
) -> None:
    """Markup, mathematics and control characters in a label are drawn as they are, or left out."""
    run = write_run(tmp_path / "run", [make_record(HOSTILE)])
    for path in draw_all(load_results([run]), tmp_path / "pictures"):
        if path.suffix == ".svg":
            svg = ET.parse(path)  # noqa: S314 - well-formed is what is to be shown
            assert not list(svg.iter("{http://www.w3.org/2000/svg}script"))
            assert "<script" not in path.read_text(encoding="utf-8")


def test_nothing_to_draw_leaves_no_file(
    make_record: Make, write_run: Callable[..., Path], tmp_path: Path
) -> None:
    """Trials without numbers make no picture."""
    run = write_run(tmp_path / "run", [make_record(status="error")])
    assert draw_all(load_results([run]), tmp_path / "pictures") == []


def test_they_are_imported_when_drawn(
    run_python: Callable[..., CompletedProcess[str]],
) -> None:
    """Importing the two packages imports none of the libraries that draw."""
    code = (
        "import sys, harness.reports.pictures, harness.reports.page; "
        "print({'matplotlib', 'seaborn', 'pandas', 'jinja2', 'torch'} & set(sys.modules))"
    )
    assert run_python("-c", code).stdout.strip() == "set()"
