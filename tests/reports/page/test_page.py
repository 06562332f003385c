"""The page as a file: whole, safe, bounded, and the same for the same records."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness.reports.page import details, write_page
from harness.reports.trial_tables import trials_table
from harness.results.load import load_results
from harness.results.record import Record
from harness.results.results import FoundTrial, Problem, Results

Make = Callable[..., Record]
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&"


class Tags(HTMLParser):
    """Gathers elements with their attributes, and the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.is_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
        self.is_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self.is_script = False

    def handle_data(self, data: str) -> None:
        if self.is_script:
            self.scripts[-1] += data
        else:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of a kind."""
        return [attributes for name, attributes in self.found if name == tag]


def collection(tmp_path: Path, records: list[Record], log: str = "") -> Results:
    """Trials with these records, each in a folder with this log."""
    trials = []
    for number, record in enumerate(records):
        folder = tmp_path / f"trial-{number}"
        folder.mkdir()
        (folder / "log.txt").write_text(log, encoding="utf-8")
        trials.append(FoundTrial(folder, record))
    return Results(tuple(trials), (), (), ())


def written(found: Results, tmp_path: Path) -> str:
    """The page of a collection with the table of its trials."""
    table = trials_table(found.rows)
    write_page(found, [table], tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def unpacked(page: str) -> list[dict[str, Any]]:
    """The details of all trials, as the page's script unpacks them."""
    packs = re.findall(r'<script type="text/plain" class="pack">([^<]*)</script>', page)
    columns = [json.loads(gzip.decompress(b64decode(pack))) for pack in packs]
    return [
        dict(zip(each, values, strict=True))
        for each in columns
        for values in zip(*each.values(), strict=True)
    ]


def test_what_records_say_is_only_text(make_record: Make, tmp_path: Path) -> None:
    """Markup in a label, a data set, an error or a log makes no element and no attribute."""
    error = {"type": HOSTILE, "message": HOSTILE, "stage": "search"}
    records = [
        make_record(HOSTILE, dataset={"name": HOSTILE, "label": HOSTILE}),
        make_record(HOSTILE, seed=1, status="error", error=error),
    ]
    page = written(collection(tmp_path, records, log=HOSTILE), tmp_path)
    tags = Tags(page)
    assert not tags.named("img")
    assert not any(name.startswith("on") for _, found in tags.found for name in found)
    assert HOSTILE in tags.text
    assert unpacked(page)[0]["log"] == HOSTILE


def test_only_its_own_script_may_run(make_record: Make, tmp_path: Path) -> None:
    """The policy forbids the network, and every script but the one whose hash it has."""
    tags = Tags(written(collection(tmp_path, [make_record()]), tmp_path))
    (policy,) = (each["content"] for each in tags.named("meta") if "http-equiv" in each)
    script = b64encode(sha256(tags.scripts[-1].encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{script}';" in policy
    runnable = [each for each in tags.named("script") if each.get("type") is None]
    assert len(runnable) == 1


def test_it_refers_to_nothing_outside(make_record: Make, tmp_path: Path) -> None:
    """No element names an address beyond the page itself."""
    tags = Tags(written(collection(tmp_path, [make_record()]), tmp_path))
    for _, attributes in tags.found:
        for name in ("src", "href", "xlink:href", "action", "data"):
            assert (attributes.get(name) or "#").startswith("#")


def test_marks_are_told_in_words(make_record: Make, tmp_path: Path) -> None:
    """What was emulated, predicted or did not fit says so to who does not see marks."""
    records = [make_record(mode="emulated"), make_record("big", status="out_of_memory")]
    page = written(collection(tmp_path, records), tmp_path)
    for words in ("emulated", "predicted", "does not fit the device"):
        assert f'<span class="spoken"> {words}</span>' in page


def test_a_long_log_is_cut_and_says_so(make_record: Make, tmp_path: Path) -> None:
    """Of a long log the end is kept, with a sentence about the rest."""
    log = "x" * details.MOST_LOG + "the end"
    page = written(collection(tmp_path, [make_record()], log=log), tmp_path)
    (found,) = unpacked(page)
    assert found["log"].startswith("[The first 7 bytes of log.txt are left out.]")
    assert found["log"].endswith("the end")


def test_a_page_has_room_for_so_many_details(
    make_record: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a size trials keep their rows, and the page says that their details are missing."""
    monkeypatch.setattr(details, "PER_PACK", 2)
    monkeypatch.setattr(details, "MOST_PACKED", 3000)
    records = [make_record(seed=seed) for seed in range(8)]
    page = written(collection(tmp_path, records), tmp_path)
    left_out = 8 - len(unpacked(page))
    assert 0 < left_out < 8
    assert f"Details of {left_out} trials are not in this page" in page
    assert page.count('class="open"') == 8


def test_an_architecture_of_elsewhere_is_told_of(make_record: Make, tmp_path: Path) -> None:
    """What is no architecture of this space is not drawn, and the details say why."""
    page = written(collection(tmp_path, [make_record(architecture={"normal": []})]), tmp_path)
    (found,) = unpacked(page)
    assert found["cells"] == []
    assert "cannot be drawn" in found["no_cells"]


def test_what_the_search_changed_is_marked(
    make_record: Make, architecture: dict[str, Any], tmp_path: Path
) -> None:
    """Of the cells that were found, operations that were not there before have a frame."""
    before = json.loads(json.dumps(architecture))
    before["normal"][1] = [[0, "avg_pool_3x3"], [2, "sep_conv_3x3"]]
    record = make_record(initial_architecture=before, architecture=architecture)
    (found,) = unpacked(written(collection(tmp_path, [record]), tmp_path))
    told = {words: svg.count(' changed"') for words, svg in found["cells"]}
    assert told == {
        "normal cell, before the search": 0,
        "reduction cell, before the search": 0,
        "normal cell, found: 1 of 6 edges changed": 1,
        "reduction cell, found: 0 of 6 edges changed": 0,
    }


def test_what_was_left_out_is_named(make_record: Make, tmp_path: Path) -> None:
    """A file that could not be read is on the page, with the reason."""
    found = collection(tmp_path, [make_record()])
    broken = Results(found.trials, (), (Problem(Path("broken"), "it is <no> JSON"),), ())
    assert "broken is left out: it is &lt;no&gt; JSON" in written(broken, tmp_path)


def test_the_same_records_make_the_same_page(make_record: Make, tmp_path: Path) -> None:
    """Written twice, the page has the same bytes."""
    found = collection(tmp_path, [make_record()])
    assert written(found, tmp_path) == written(found, tmp_path)


def test_the_page_of_the_reference_runs_is_below_two_megabytes(tmp_path: Path) -> None:
    """With the details of every trial, so that it can be sent around."""
    found = load_results([Path(__file__).parents[3] / "results" / "reference"])
    page = written(found, tmp_path)
    assert "Details of" not in page  # none is left out
    assert len(page.encode()) < 2_000_000


def test_an_empty_collection_makes_a_page(tmp_path: Path) -> None:
    """Without any trial the page says that there is none."""
    assert "No trial has both" in written(Results((), (), (), ()), tmp_path)
