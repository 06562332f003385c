"""The pages say of the reference runs what the records of these say, and no more."""

from __future__ import annotations

import re

import pytest

from documentation.blocks import with_block
from documentation.pages import ROOT
from documentation.reference_results import (
    BLOCK,
    RESULTS,
    blocks,
    collected,
    digest_of_records,
    drawn_from,
    mechanisms,
)
from harness.results.load import load_results

AGAIN = "write them again: python -m documentation.reference_results"
PATH = re.compile(rb'"(?:/|[A-Z]:\\\\)[^"]')  # in JSON, one that begins at a root


@pytest.mark.parametrize("name", ["README.md", "docs/reference-results.md", "docs/onnas.md"])
def test_tables_agree_with_the_records(name: str) -> None:
    """The tables are what the command writes from the records that are here."""
    page = (ROOT / name).read_text(encoding="utf-8")
    assert with_block(page, BLOCK, blocks(collected())[name]) == page, AGAIN


def test_pictures_were_drawn_from_the_records() -> None:
    """The pictures are of the records that are here."""
    assert drawn_from() == digest_of_records(), AGAIN


def test_a_changed_record_is_noticed() -> None:
    """A page with another number than the records have does not pass for theirs."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    block = blocks(collected())["README.md"]
    changed = with_block(page, BLOCK, re.sub(r"\d\.\d", "0.0", block, count=1))
    assert changed != page


def test_every_method_has_three_seeds_of_each_few_shot_setting() -> None:
    """No trial is missing, and none was left out after the fact."""
    rows = [row for row in collected().rows if row.kind == "few-shot"]
    seeds: dict[tuple[float, str], dict[str, int]] = {}
    for row in rows:
        if row not in mechanisms(rows):
            pretraining = row.budget["meta_epochs"] * row.budget["meta_tasks"]
            seeds.setdefault((pretraining, row.setting), {})[row.method] = len(row.records)
    assert {len(row.records) for row in mechanisms(rows)} == {3}
    rivals = dict.fromkeys(("metanas", "onnas"), 3)
    searches = rivals | {"darts": 3}
    everyone = searches | dict.fromkeys(("weights-only", "random"), 3)
    assert seeds == {
        (90, "5-way 1-shot"): everyone,
        (90, "5-way 5-shot"): everyone,
        (360, "5-way 1-shot"): searches,
        (360, "5-way 5-shot"): rivals,
    }


def test_coefficients_have_three_seeds_of_the_same_tasks() -> None:
    """Both rows of the claim are whole, and are left out where rows of other recipes stand."""
    rows = load_results([RESULTS / "coefficients"]).rows
    assert [(row.method, len(row.records)) for row in rows] == [
        ("onnas", 3),
        ("onnas[task_coefficients=none,cell_coefficients=none]", 3),
    ]
    assert not {row.full_setting for row in rows} & {row.full_setting for row in collected().rows}


def test_the_full_task_has_each_method_once() -> None:
    """What does not fit has its row too, and its streamed twin that does."""
    records = [
        found.record for found in load_results([RESULTS]).trials if not found.record.dataset.ways
    ]
    assert len({record.label for record in records}) == len(records)
    assert {record.label.partition("[")[0] for record in records} >= {
        "onnas", "darts", "pcdarts", "proxylessnas", "random", "weights-only",
    }  # fmt: skip
    assert {record.status for record in records} == {"ok", "out_of_memory"}


def test_the_results_hold_numbers_alone() -> None:
    """There is no tensor or image among them, and no path of the machine they were made on."""
    for path in filter(lambda each: each.is_file(), RESULTS.rglob("*")):
        assert path.name != "examples.json", path
        assert path.suffix in {".json", ".jsonl", ".txt", ".toml"}, path
        assert not PATH.search(path.read_bytes()), path
