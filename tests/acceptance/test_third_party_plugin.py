"""A stranger's plugin, from nothing to a row in a report, and six ways in which it is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(find_spec, ("hatchling", "editables"))),
        reason="hatchling or editables, which build new plugins in place, are missing",
    ),
]

SEARCHED = ("random", "evolution", "darts", "onnas")
TINY = ["--budget", "search_steps=3,tasks=1,channels=4", "--queries", "3"]


@dataclass(frozen=True)
class Shop:
    """A clean environment beside the harness, and the folder that a stranger works in."""

    root: Path

    def call(self, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Call the environment's Python with `-m`."""
        return subprocess.run(  # noqa: S603 - our own environment and commands
            [str(self.root / "venv" / "bin" / "python"), "-m", *arguments],
            cwd=folder or self.root,
            env={**os.environ, "HARNESS_CACHE": str(self.root / "cache")},
            text=True,
            capture_output=True,
            check=False,
        )

    def harness(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.call("harness", *arguments)

    def make(self, name: str, kind: str) -> None:
        """Make a plugin and install it as its author would, but without any index."""
        made = self.harness("plugins", "new", name, "--kind", kind)
        assert made.returncode == 0, made.stderr
        offline = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
        installed = self.call("pip", "install", *offline, "--editable", f"./{name}")
        assert installed.returncode == 0, installed.stderr

    def run(self, folder: str, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """Run trials; return the exit status, the JSON answer and the report."""
        ran = self.harness("run", *TINY, *arguments, "-o", folder, "--json")
        assert ran.stdout, ran.stderr
        assert "Traceback" not in ran.stderr
        reported = self.harness("report", folder)
        assert reported.returncode == 0, reported.stderr
        return ran.returncode, json.loads(ran.stdout), reported.stdout

    @contextmanager
    def changed(self, file: str, change: Callable[[str], str]) -> Iterator[None]:
        """Change a file of the plugin `my-idea` for a while."""
        path = self.root / "my-idea" / "my_idea" / file
        before = path.read_text(encoding="utf-8")
        after = change(before)
        assert after != before
        path.write_text(after, encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(before, encoding="utf-8")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Make an environment that sees the harness and torch, without downloading them again."""
    root = tmp_path_factory.mktemp("shop")
    command = [sys.executable, "-m", "venv", "--without-pip", str(root / "venv")]
    subprocess.run(command, check=True)  # noqa: S603 - our own interpreter
    (library,) = (root / "venv" / "lib").glob("python*/site-packages")
    running = sysconfig.get_path("purelib")
    (library / "running.pth").write_text(f"import site; site.addsitedir({running!r})\n")
    shop = Shop(root)
    shop.make("my-idea", "method")
    return shop


def endings(answer: dict[str, Any]) -> dict[str, str]:
    """How each method's trial ended."""
    return {trial["method"]["name"]: trial["status"] for trial in answer["trials"]}


def test_a_new_method_keeps_the_rules(shop: Shop) -> None:
    """What `plugins new` writes passes `plugins check` as it is."""
    checked = shop.harness("plugins", "check", "my-idea")
    assert checked.returncode == 0, checked.stdout
    assert "broken" not in checked.stdout


def test_a_new_method_stands_in_a_report(shop: Shop) -> None:
    """It runs beside two baselines, and the report has a row for each of the three."""
    methods = ["-m", "my-idea", "-m", "weights-only", "-m", "random"]
    status, answer, report = shop.run("together", *methods)
    assert status == 0
    assert endings(answer) == dict.fromkeys(["my-idea", "weights-only", "random"], "ok")
    rows = [line for line in report.splitlines() if line.startswith("| ")]
    assert all(any(line.startswith(f"| {name} ") for line in rows) for name in endings(answer))


def test_new_devices_and_data_sets_pass_their_own_tests(shop: Shop) -> None:
    """The tests that come with a new plugin pass: one a rule, and its own."""
    for kind in ("device", "dataset"):
        shop.make(f"my-{kind}", kind)
        tested = shop.call("pytest", "-q", folder=shop.root / f"my-{kind}")
        assert tested.returncode == 0, tested.stdout
        assert " passed" in tested.stdout


def test_a_new_space_is_searched(shop: Shop) -> None:
    """Methods search it as they are, from pretraining on, in the memory that was estimated."""
    shop.make("my-space", "space")
    tested = shop.call("pytest", "-q", folder=shop.root / "my-space")
    assert tested.returncode == 0, tested.stdout
    asked = ["--space", "my-space", *(f"-m{name}" for name in SEARCHED)]
    budget = ["--budget", "search_steps=3,tasks=1,channels=4,meta_epochs=1,meta_tasks=1"]
    status, answer, report = shop.run("space", *asked, *budget)
    assert (status, endings(answer)) == (0, dict.fromkeys(SEARCHED, "ok"))
    assert "space my-space" in report
    estimated = shop.harness("estimate", *asked, *budget, "--json")
    assert estimated.returncode == 0, estimated.stderr
    rows = json.loads(estimated.stdout)["rows"]
    memory = {row["method"]: row["peak_memory"] for row in rows}
    for trial in answer["trials"]:
        told, counted = memory[trial["method"]["name"]], trial["metrics"]["peak_memory"]["value"]
        assert told["lowest"] <= counted <= told["highest"]
    assert memory["darts"]["lowest"] == memory["darts"]["highest"]


def misspell(text: str) -> str:
    return text.replace("harness_register_methods", "harness_register_method")


def claim_a_taken_name(text: str) -> str:
    return text.replace('"my-idea"', '"random"')


UNUSABLE = {
    "import error": (
        lambda text: "import not_there\n" + text,
        "my-idea",
        "it cannot be imported: ModuleNotFoundError: No module named 'not_there'",
    ),
    "misspelt hook": (misspell, "my-idea", "did you mean 'harness_register_methods'?"),
    "name already taken": (claim_a_taken_name, "random", "the method 'random' is claimed by"),
}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_a_plugin_that_cannot_be_used_is_passed_over(shop: Shop, fault: str) -> None:
    """The other methods finish, the exit status is 1, and the report says what was wrong."""
    change, method, words = UNUSABLE[fault]
    with shop.changed("__init__.py", change):
        asked = ["-m", method, "-m", "weights-only", "-m", "darts"]
        status, answer, report = shop.run(fault.replace(" ", "-"), *asked)
    assert status == 1
    assert endings(answer) == {"weights-only": "ok", "darts": "ok"}
    assert words in answer["passed_over"][method]
    assert f"Not run: method {method}: " in report
    assert words.replace("_", "") in report.replace("\\", "").replace("_", "")


SEARCH_STEP = '''
    def search_step(self, batches):
        """Go wrong in step 3."""
        metrics = super().search_step(batches)
        if self.step == 2:
            {}
        return metrics
'''

MISBEHAVING = {
    "raises": ('raise ValueError("my own mistake")', "error", 1, "my own mistake"),
    "returns NaN": ('metrics["loss"] = float("nan")', "error", 1, "the loss became nan"),
    "ignores the limit": (
        'self.hoard = __import__("numpy").ones(3 * 2**29, dtype="uint8")',
        "out_of_memory",
        0,
        "does not fit",
    ),
}


@pytest.mark.parametrize("fault", MISBEHAVING)
def test_a_method_that_misbehaves_fails_alone(shop: Shop, fault: str) -> None:
    """Its trial ends with the reason, the others' are fine, and the report says both."""
    line, ending, exit_status, words = MISBEHAVING[fault]
    with shop.changed("method.py", lambda text: text + SEARCH_STEP.format(line)):
        asked = ["-m", "my-idea", "-m", "weights-only", "-m", "random", "-d", "jetson"]
        status, answer, report = shop.run(fault.replace(" ", "-"), *asked)
    assert status == exit_status
    assert endings(answer) == {"my-idea": ending, "weights-only": "ok", "random": "ok"}
    (row,) = [line for line in report.splitlines() if line.startswith("| my-idea ")]
    assert ("X" if ending == "out_of_memory" else "error") in row
    assert words in report
