"""The page in a browser: it sorts, filters, opens trials, asks nothing of the network, is usable.

Chromium is driven by Playwright, and judged by axe-core's rules of accessibility.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.reports.page import write_page
from harness.reports.trial_tables import trials_table
from harness.results.record import Record
from harness.results.results import FoundTrial, Results
from harness.results.summary import rows_of_records

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
STEPS = "".join(
    f'{{"task": 0, "step": {n}, "memory_bytes": {2**20 * (n + 1)}}}\n' for n in range(10)
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium of this machine."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(
    make_record: Callable[..., Record], architecture: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A page of two methods on a measured and an emulated device, and one that did not fit."""
    records = [
        make_record("small", values={"peak_memory": 9.0}, architecture=architecture),
        make_record("large", values={"peak_memory": 10.5}, architecture=architecture),
        make_record("small", mode="emulated", device="other"),
        make_record("large", device="other", status="out_of_memory"),
    ]
    trials, root = [], tmp_path_factory.mktemp("report")
    for number, record in enumerate(records):
        folder = root / f"trial-{number}"
        folder.mkdir()
        (folder / "steps.jsonl").write_text(STEPS, encoding="utf-8")
        (folder / "log.txt").write_text(f"log of {number}", encoding="utf-8")
        trials.append(FoundTrial(folder, record))
    path = root / "report.html"
    write_page(Results(tuple(trials), (), (), ()), [trials_table(rows_of_records(records))], path)
    return path


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, opened; at the end nothing may have been complained of or asked for."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(report.as_uri())
    yield opened
    context.close()
    assert complaints == []
    assert requests == [report.as_uri()]


def column(page: Page, place: int) -> Sequence[str]:
    """The first words of a column of the table of single trials, as they are shown."""
    cells = page.locator(f"#trials tbody tr:visible > :nth-child({place})")
    return [text.split()[0] for text in cells.all_inner_texts()]


def violations(page: Page) -> list[str]:
    """What axe finds wrong."""
    found = axe.Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found]


def test_it_sorts_by_number_and_what_is_missing_comes_last(page: Page) -> None:
    """A heading sorts up, then down, and says which; X stays at the end."""
    memory = page.locator("#trials thead button", has_text="memory")
    heading = page.locator("#trials thead th", has_text="memory")
    memory.click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(page, 8) == ["9.0", "10.0*", "10.5", "X"]
    memory.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(page, 8) == ["10.5", "10.0*", "9.0", "X"]


def test_it_filters_by_value_and_by_words(page: Page) -> None:
    """A chosen device keeps its rows in every table, words narrow them, and the count is told."""
    page.get_by_label("Device").select_option("other")
    assert column(page, 4) == ["other", "other"]
    page.get_by_label("Find").fill("does not fit")
    playwright.expect(page.locator(".filters output")).to_have_text("2 of 8 rows")
    assert column(page, 1) == ["large"]
    page.get_by_role("button", name="Clear").click()
    playwright.expect(page.locator(".filters output")).to_have_text("8 of 8 rows")


def test_a_trial_is_one_click_away(page: Page) -> None:
    """Its name opens its cells, steps, log and record; Escape closes, and the focus returns."""
    name = page.locator("#trials .open").first
    name.focus()
    page.keyboard.press("Enter")
    page.locator("#opened-cells svg").first.wait_for()
    assert page.locator("#opened-cells svg").count() == 2
    assert "sep_conv_3x3" in page.locator("#opened-cells").inner_text()
    assert "peak 10.0 MiB" in page.locator("#opened-steps").inner_text()
    assert page.locator("#opened-log").inner_text() == "log of 0"
    assert '"label": "small"' in page.locator("#opened-record").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert name.evaluate("each => each === document.activeElement")


def test_the_next_trial_is_the_next_row(page: Page) -> None:
    """Inside a trial one goes on to the next, in the order that is shown."""
    page.locator("#trials .open").first.click()
    page.get_by_role("button", name="Next").click()
    playwright.expect(page.locator("#opened-log")).to_have_text("log of 1")
    assert "large on dots" in page.locator("#opened-title").inner_text()


def test_every_control_is_reached_by_tab(page: Page) -> None:
    """With Tab alone one comes to the skip link, the colours, the filters, sorting and trials."""
    reached = set()
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.className || document.activeElement.name")
        )
    assert {"skip", "theme", "words", "device", "scroll", "sort", "open"} <= reached


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_is_accessible(page: Page, theme: str, width: int) -> None:
    """In light and dark, wide and narrow, axe has nothing to complain of, nor of an open trial."""
    page.set_viewport_size({"width": width, "height": 900})
    page.get_by_text(theme, exact=True).click()
    assert page.evaluate("document.documentElement.dataset.theme") == theme.lower()
    assert violations(page) == []
    page.locator("#trials .open").first.click()
    page.locator("#opened-cells svg").first.wait_for()
    assert violations(page) == []


def test_dark_is_dark(page: Page) -> None:
    """The switch and the system's preference both change the background."""
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background)
    assert dark != light
    page.get_by_text("Light", exact=True).click()
    assert page.evaluate(background) == light
