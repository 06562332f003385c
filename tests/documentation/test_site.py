"""The site builds without a warning, needs no network, and has a page for everything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from documentation.commands import every_command
from documentation.markdown import anchor
from documentation.pages import ROOT
from harness import hookspecs

pytest.importorskip("material", reason="the site is built with the extra docs")
pytest.importorskip("mkdocstrings", reason="the site is built with the extra docs")

pytestmark = pytest.mark.slow

NOWHERE = "http://127.0.0.1:9"  # nobody listens on the port for discarding
LOADED = re.compile(r"<(?:script|img|iframe|source)[^>]* src=\"?(?:https?:)?//|url\((?:https?:)?//")
STYLES = re.compile(r'<link[^>]* rel="?(?:stylesheet|preconnect|icon|preload)"?[^>]*>')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it as CI does, with every request led nowhere."""
    folder = tmp_path_factory.mktemp("site")
    blocked = {"http_proxy": NOWHERE, "https_proxy": NOWHERE, "NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, **blocked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return folder


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    """No script, style, font or picture comes over the network when a page is read."""
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not LOADED.search(text), page
        assert not [link for link in STYLES.findall(text) if "//" in link], page


def test_each_command_and_hook_has_a_place(site: Path) -> None:
    """A link to it can be sent: its heading has an anchor."""
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    for name, _ in every_command():
        assert re.search(rf'id="?{anchor(name)}["\s>]', commands), name
    hooks = (site / "reference" / "hooks.html").read_text(encoding="utf-8")
    for name in vars(hookspecs):
        if name.startswith("harness_"):
            assert re.search(rf'id="?harness\.hookspecs\.{name}["\s>]', hooks), name


def test_no_mark_of_an_unfinished_page(site: Path) -> None:
    """Neither a page that holds its title alone nor a sentinel of a library is published."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "UNSET" not in text
        if page.name != "404.html":
            assert len(text.partition("<article")[2].partition("</article>")[0]) > 1000, page
