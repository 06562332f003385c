"""The notebook of the documentation runs, from nothing to a plot."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"

EXECUTE = """
import sys
import nbclient, nbformat

notebook = nbformat.read(sys.argv[1], as_version=4)
place = {"metadata": {"path": sys.argv[2]}}
nbclient.NotebookClient(notebook, timeout=600, resources=place).execute()
nbformat.write(notebook, sys.argv[3])
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_notebook_ends_with_a_plot(
    tmp_path: Path, run_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Every cell runs in a fresh folder; one of them draws, and one leaves a report."""
    pytest.importorskip("nbclient")
    executed = tmp_path / "executed.ipynb"
    done = run_python("-c", EXECUTE, str(NOTEBOOK), str(tmp_path), str(executed))
    assert done.returncode == 0, done.stderr
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert (tmp_path / "notebook-run" / "report.md").is_file()


def test_the_notebook_is_kept_without_outputs() -> None:
    """What is in the repository is the source alone."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") for cell in cells)
