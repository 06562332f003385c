"""The script for a GPU runs through on what is here: where it counts, time is dear."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.gpu import Scale, main


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_script_leaves_records_and_a_table(tmp_path: Path) -> None:
    """At a small scale on the processor: three folders of records, and the table of them."""
    scale = Scale(
        "cpu", "glyphs", 0.2, "quick,channels=2", ways=3, methods=("darts", "onnas"), tasks=2
    )
    main(tmp_path, scale)
    assert {folder.name for folder in tmp_path.iterdir() if folder.is_dir()} == {
        "memory", "probe", "accuracy",
    }  # fmt: skip
    table = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "peak_memory" in table
    assert "accuracy" in table
