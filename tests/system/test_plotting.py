"""Pictures and glyphs are the same bytes whatever is set up for matplotlib around them."""

from __future__ import annotations

import hashlib
import locale
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from harness.reports.pictures.frame import framed
from harness.reports.pictures.style import _png_of, drawing, svg_of
from harness.system.plotting import fonts_folder, own_settings

DRAW = """
from harness.reports import pictures  # what a report imports, which imports no matplotlib itself
import sys
assert "matplotlib" not in sys.modules
from harness.system.plotting import own_settings
with own_settings():
    import harness.reports.pictures.gallery
import os
from tests.system.test_plotting import drawn
print(drawn(), os.environ["MPLBACKEND"])
import matplotlib
print(matplotlib.rcParams["lines.linewidth"])
"""


def drawn() -> str:
    """Draw axes with words and numbers, and return the digest of both formats."""
    with drawing():
        figure, (axes,) = framed("A title with $x$ and α", ["a note"], 1)
        axes.plot([1.0, 2.0, 3.5], [1000.5, 2000.25, 1500.0], label="method_a")
        axes.set(xlabel="memory", ylabel="accuracy")
        axes.legend()
    return hashlib.sha256(svg_of(figure).encode() + _png_of(figure)).hexdigest()


@pytest.fixture(scope="module")
def plain() -> str:
    """What is drawn where nothing was set."""
    return drawn()


SETTINGS: dict[str, dict[Any, Any]] = {
    "TeX": {"text.usetex": True, "svg.fonttype": "path"},
    "fonts": {"font.family": "serif", "font.size": 20, "font.serif": ["No Such Font"]},
    "colours": {"axes.prop_cycle": "cycler('color', ['r', 'g'])", "figure.facecolor": "black"},
    "dots": {"savefig.dpi": 7, "savefig.transparent": True, "savefig.bbox": "tight"},
    "sketch": {"path.sketch": (1, 100, 2), "lines.antialiased": False},
    "numbers": {"axes.formatter.use_locale": True, "axes.unicode_minus": False},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_settings_of_a_person_change_nothing(settings: dict[Any, Any], plain: str) -> None:
    """TeX, fonts, colours and resolutions of a notebook's own leave the bytes as they are."""
    with mpl.rc_context(settings):
        own = {key: mpl.rcParams[key] for key in settings}
        assert drawn() == plain
        assert {key: mpl.rcParams[key] for key in settings} == own


def test_the_locale_changes_nothing(plain: str) -> None:
    """Numbers have a point wherever a comma would be the decimal sign."""
    before = locale.setlocale(locale.LC_ALL)
    for name in ("de_DE.UTF-8", "tr_TR.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_ALL, name)
            assert drawn() == plain
        except locale.Error:  # not installed here
            continue
        finally:
            locale.setlocale(locale.LC_ALL, before)


def test_a_bad_backend_and_a_bad_file_end_nothing(tmp_path: Path, plain: str) -> None:
    """A backend that is not there and files full of nonsense are passed over, bytes and all."""
    (tmp_path / "matplotlibrc").write_bytes(b"text.usetex: True\nfont.size: \xff\nno.such: 1\n")
    environment = {**os.environ, "MPLBACKEND": "module://no.such.backend_of_mine"}
    environment |= {"MATPLOTLIBRC": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    environment |= {"OMP_NUM_THREADS": "1"}
    answer = subprocess.run(  # noqa: S603 - the tests' own interpreter
        [sys.executable, "-W", "error", "-c", DRAW],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == [plain, "module://no.such.backend_of_mine", "1.5"]
    assert answer.stderr == ""


def test_what_is_imported_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook, where matplotlib is set up, nothing of it is touched."""
    monkeypatch.setenv("MPLBACKEND", "module://no.such")
    before = dict(mpl.rcParams)
    with own_settings():
        assert os.environ["MPLBACKEND"] == "module://no.such"
    assert dict(mpl.rcParams) == before


def test_fonts_are_found_without_matplotlib() -> None:
    """The folder is where matplotlib says it is, whether it can be imported or not."""
    assert fonts_folder() == Path(mpl.get_data_path()) / "fonts" / "ttf"
