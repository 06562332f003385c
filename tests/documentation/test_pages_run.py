"""Every page can be followed from its first command to its last, in an empty folder.

A page's blocks of `sh` are one script for bash, in which a command that fails ends the page. What
would take hours is scaled down by further options; nothing else differs from what a reader types.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from documentation.pages import Block, Page, every_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # each page takes a minute or two on an idle machine
    pytest.mark.skipif(shutil.which("bash") is None, reason="pages are written for bash"),
]

LEAST = "--budget quick,meta_epochs=0,warmup_epochs=0,search_steps=1,tasks=1"
# One row of table 2, on images that are there; the recipe of one of its data sets, not of both.
ONE_SETTING = (
    "--dataset omniglot --ways 20 --shots 1 --recipe weight_lr=0.005,architecture_lr=0.005"
)
ONE_ROW = f"-m darts -d jetson {ONE_SETTING} --seed 0 {LEAST}"

# What these lines ask for takes minutes to days: the options that are added make it seconds.
SCALED = {
    "harness run -m onnas -m darts --dataset omniglot --ways 5 --shots 1 "
    "--budget small --seed 0-2": f"--seed 0 {LEAST}",
    # The file is copied, as the page says; others like it may be there from another page.
    "harness pretrain -m onnas --dataset omniglot --ways 5 --budget medium": (
        "--budget quick --json > made.json && "
        """cp "$(python -c 'import json; print(json.load(open("made.json"))[0]["checkpoint"])')" """
        "onnas.safetensors"
    ),
    "harness run -m onnas --dataset omniglot --ways 5 --budget medium "
    "--checkpoint onnas.safetensors": "--budget quick,tasks=1,search_steps=1",
    "harness run -m onnas -m weights-only --dataset 'folder[path=photos,size=32]' --ways 5 "
    "--shots 1 --budget quick,tasks=2": LEAST,
    "harness run table2 -o results/table2": ONE_ROW,
    "harness run table2 --budget small -o results/table2": ONE_ROW,
    "harness run table2 --budget small --seed 0 -o results/table2-small": ONE_ROW,
    "harness run table2 -m onnas -d jetson --budget small -o results/table2-small": (
        f"{ONE_SETTING} --seed 0 {LEAST}"
    ),
    "harness run table2 -d jetson --budget small --dataset-map "
    "miniimagenet='folder[path=photos,size=84]' -o results/table2-photos": (
        f"-m darts --ways 5 --shots 1 --seed 0 {LEAST}"
    ),
    "harness run table2 --budget quick -d jetson --dataset-map "
    "miniimagenet='folder[path=photos,size=84]'": f"-m darts --ways 5 --shots 1 --seed 0 {LEAST}",
    "harness run figure9 --budget small": ONE_ROW,
    "harness run figure9 --budget paper,meta_epochs=0,warmup_epochs=0,tasks=1": ONE_ROW,
    "harness run figure9 --budget paper,meta_epochs=0,warmup_epochs=0,tasks=1 "
    "-o results/figure9-memory": ONE_ROW,
    "harness estimate table2 -o results/table2-estimate": "-m darts -d jetson --dataset omniglot",
    "harness estimate figure9 -o estimate": "-m onnas -d jetson --dataset omniglot",
    "harness recommend photos -d jetson --memory 200MiB --time 30min": (
        "--size 8 --channels 2 --epochs 2"
    ),
    "harness adapt photos -d jetson -o model": "-m random --size 8 --channels 2 --epochs 2",
    "harness run -m onnas -m weights-only -m random -d jetson --dataset "
    "'photos[path=photos,size=32]' --recipe batch_size=16,architecture_images=all --budget "
    "epochs=24,finish_epochs=12,channels=8 --save-models -o results/photos": (
        "-m random --budget epochs=2,finish_epochs=1,channels=2"
    ),
    "harness run mine.toml --seed 0-2 -o new": LEAST,
    "harness run mine.toml -o results/mine": f"--seed 0 {LEAST}",
    "harness run -m onnas -m darts -m random -d jetson -o runs/first": LEAST,
    "harness run -m my-method -m onnas -d jetson": LEAST,
    "harness run -m my-method -m darts -m random -o comparison": LEAST,
    "harness bench -m darts -m 'darts[engine=streamed]' -m onnas --budget quick": "--rounds 1",
    "harness bench -m onnas --rounds 10 -o before": "--budget quick --rounds 2",
    "harness bench -m onnas --rounds 10 -o after": "--budget quick --rounds 2",
    "harness bench -m darts -m onnas --dataset miniimagenet --ways 3 --shots 5 "
    "--budget paper,meta_epochs=0,warmup_epochs=0": "--budget quick,channels=1 --rounds 1",
    "python -m tests.benchmarks.offline": "8,14,10,1",
    # Seconds of a machine that runs tests beside it are no verdict.
    "harness compare before after --fail-if-worse step=10%,memory=1%": "--fail-if-worse memory=1%",
    "harness run -m my-method -m 'my-method[every=2]' -d jetson -o runs/first": LEAST,
}
# What cannot be done here at all, and why.
LEFT_OUT = {
    "pip install -e '.[test]' && pytest -n 2": "this is the test run that would start itself",
    "pip install -e '.[docs]' && mkdocs serve": "it serves until it is stopped",
}
# Pages with blocks of `console`, which are not run, and why.
NEED_MORE = {
    "docs/many-machines.md": "other machines; tests of the fleet have a cluster on this one",
    "docs/claims.md": "a run folder, or minutes of estimates; a slow test follows every claim",
    "docs/spaces.md": "a table of NAS-Bench-201, which does not come along",
    "docs/scores.md": "the same table, and minutes of scores",
    "docs/reference-results.md": "Omniglot and an hour; a test sets pages and records side by side",
}
# What a page takes for granted that a reader has: two runs to compare, and a suite.
GIVEN = {
    "README.md": "cp photos/test/00/00.png new-photo.jpg",
    "docs/my-photos.md": """
        cp photos/test/00/00.png new-photo.jpg
        for label in 00 01; do
            mkdir -p few/$label && cp photos/train/$label/0[0-5].png few/$label
        done
        rm photos && mv few photos
    """,
    "docs/compare.md": f"""
        harness estimate -m onnas -d jetson -o A
        harness estimate -m onnas -d jetson -o B
        harness run table2 {ONE_ROW} -o RUN
        printf '[[trials]]\\nmethods = ["weights-only"]\\ndevices = ["jetson"]\\n' > mine.toml
        harness run mine.toml --seed 0-2 {LEAST} -o reference
    """,
}


def with_commands() -> list[Page]:
    return [page for page in every_page() if page.commands("sh")]


def script_of(page: Page) -> str:
    """Return the page as a script; what bash prints names the line that it is at."""
    steps = [step for block in page.blocks for step in steps_of(page, block)]
    return "\n".join(["set -euo pipefail", GIVEN.get(page.name, ""), *steps])


def steps_of(page: Page, block: Block) -> Iterator[str]:
    """Give the commands of a block; a file that it is to be saved as is written, Python is run."""
    yield f"echo 'at {page.name}, line {block.line}' >&2"
    if block.file:
        yield f"cat > {block.file} <<'END OF FILE'\n{block.text}END OF FILE"
    elif block.language == "python":
        yield f"python - <<'END OF FILE'\n{block.text}END OF FILE"
    elif block.language == "sh":
        only = Page(page.name, (block,), ())
        yield from (scaled(line) for line in only.commands("sh") if line not in LEFT_OUT)


def scaled(line: str) -> str:
    return f"{line} {SCALED[line]}" if line in SCALED else line


@pytest.mark.parametrize("page", with_commands(), ids=lambda page: page.name)
def test_page_can_be_followed(
    page: Page, shell: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    """Each of its commands ends well, one after the other, and none says that it is a bug."""
    result = shell(script_of(page))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_no_exception_is_out_of_date() -> None:
    """What is scaled, left out or given is still on a page."""
    pages = every_page()
    lines = {line for page in pages for line in page.commands("sh")}
    assert set(SCALED) | set(LEFT_OUT) <= lines
    assert set(GIVEN) | set(NEED_MORE) <= {page.name for page in pages}


def test_only_named_pages_show_what_is_not_run() -> None:
    """A block of `console` is an exception, and has a reason."""
    assert {page.name for page in every_page() if page.commands("console")} == set(NEED_MORE)
