"""A reader's machine: an empty folder, small images where data sets are looked for, no network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES, IMAGES = 20, 20  # as many as the largest setting on a page takes

# Instead of pip: what runs the tests is installed already, and a new plugin becomes known without
# a network. Real installations are tested where plugins are.
PIP = f"""#!{sys.executable}
import os, shutil, sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

for folder in (Path(word) for word in sys.argv[2:] if word.startswith("./")):
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    module = project["name"].replace("-", "_")
    site = Path(os.environ["READERS_SITE"])
    shutil.copytree(folder / module, site / module)
    told = site / (module + "-" + project["version"] + ".dist-info")
    told.mkdir()
    (told / "METADATA").write_text(
        "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (project["name"], project["version"])
    )
    points = project["entry-points"]["harness"]
    lines = ["[harness]", *(name + " = " + target for name, target in points.items())]
    (told / "entry_points.txt").write_text("\\n".join(lines) + "\\n")
"""


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `omniglot` and `photos`, of drawn noise: nobody asks what they show."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for name, shape in (("omniglot", (28, 28)), ("photos", (32, 32, 3))):
        for split in ("train", "test"):
            for label in range(CLASSES):
                place = folder / name / split / f"{label:02d}"
                place.mkdir(parents=True)
                for number in range(IMAGES):
                    pixels = random.integers(0, 256, shape, dtype=np.uint8)
                    Image.fromarray(pixels).save(place / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decode each data set once for all pages."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shell(
    tmp_path: Path, images: Path, cache: Path
) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return `shell(script)`, which runs a script as a reader would, in an empty folder."""
    home, site, programs = tmp_path / "home", tmp_path / "site", tmp_path / "programs"
    for folder in (home, site, programs):
        folder.mkdir()
    pip = programs / "pip"
    pip.write_text(PIP, encoding="utf-8")
    pip.chmod(0o755)
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    found = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    told = {
        "PATH": os.pathsep.join(found),
        "PYTHONPATH": os.pathsep.join(paths),
        "READERS_SITE": str(site),
        "HARNESS_DATA": str(images),
        "HARNESS_CACHE": str(cache),
        "BROWSER": "true",  # `--open` has a browser, which shows nothing
        "http_proxy": "http://127.0.0.1:9",  # what would be downloaded is an error
        "https_proxy": "http://127.0.0.1:9",
    }
    (home / "photos").symlink_to(images / "photos")

    def shell(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - what the project's own pages say
            ["bash", "-c", script],  # noqa: S607 - the reader's own
            cwd=home,
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            check=False,
        )

    return shell
