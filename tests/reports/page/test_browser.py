"""The page in a browser: it sorts, filters, opens trials, asks nothing of the network, is usable.

Chromium is driven by Playwright, and judged by axe-core's rules of accessibility.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.experiment.outcome import JudgedImage
from harness.reports.page import write_page
from harness.reports.trial_tables import trials_table
from harness.results.record import Record
from harness.results.results import FoundTrial, Results
from harness.results.run_files import write_examples
from harness.results.summary import rows_of_records

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

STEPS = "".join(
    f'{{"task": 0, "step": {n}, "memory_bytes": {2**20 * (n + 1)}}}\n' for n in range(10)
)
GREY = b64encode(bytes(range(64))).decode()
EXAMPLES = [
    JudgedImage(shape=(1, 8, 8), pixels=GREY, label="class 1", predicted=predicted)
    for predicted in ("class 1", "class 2")
]


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
        if number < 2:
            write_examples(folder, EXAMPLES[number:])
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
    asked = {url.partition("#")[0] for url in requests if not url.startswith("data:")}
    assert asked == {report.as_uri()}


def column(page: Page, heading: str) -> Sequence[str]:
    """The first words of a column of the table of single trials, as they are shown."""
    headings = page.locator("#trials thead th").all_inner_texts()
    place = 1 + next(n for n, text in enumerate(headings) if text.startswith(heading))
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
    assert column(page, "memory") == ["9.0", "10.0*", "10.5", "X"]
    memory.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(page, "memory") == ["10.5", "10.0*", "9.0", "X"]


def test_it_filters_by_value_and_by_words(page: Page) -> None:
    """A chosen device keeps its rows in every table, words narrow them, and the count is told."""
    page.get_by_label("Device").select_option("other")
    assert column(page, "device") == ["other", "other"]
    page.get_by_label("Find").fill("does not fit")
    playwright.expect(page.locator(".filters output")).to_have_text("2 of 8 rows")
    assert column(page, "method") == ["large"]
    page.get_by_role("button", name="Clear").click()
    playwright.expect(page.locator(".filters output")).to_have_text("8 of 8 rows")


def test_a_trial_is_one_click_away(page: Page) -> None:
    """Its name opens its cells and steps, with log and record folded; Escape closes it again."""
    name = page.locator("#trials .open").first
    name.focus()
    page.keyboard.press("Enter")
    page.locator("#opened-cells svg").first.wait_for()
    assert page.locator("#opened-cells svg").count() == 2
    assert "sep_conv_3x3" in page.locator("#opened-cells").inner_text()
    assert "peak 10.0 MiB" in page.locator("#opened-steps").inner_text()
    facts = page.locator("#opened-facts").inner_text().split()
    assert {"9.0", "50.00", "memory", "MiB"} <= set(facts)
    for part, words in (("log", "log of 0"), ("record", '"label": "small"')):
        folded = page.locator(f"#opened-{part}")
        assert not folded.is_visible()
        page.locator(f"#opened-{part}-title").click()
        assert words in folded.inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert name.evaluate("each => each === document.activeElement")


def test_a_trial_shows_what_it_judged(page: Page) -> None:
    """Its images with what they are and were taken for; a trial without any has no empty box."""
    page.locator("#trials .open").first.click()
    images = page.locator("#opened-examples img")
    images.first.wait_for()
    assert images.count() == 2
    assert images.evaluate_all("all => all.every(each => each.naturalWidth === 8)")
    told = page.locator("#opened-examples li").all_inner_texts()
    assert told == ["class 1: right", "class 1, taken for class 2"]
    page.get_by_role("button", name="Next").click()
    playwright.expect(images).to_have_count(1)
    page.get_by_role("button", name="Next").click()
    playwright.expect(page.locator("#opened-examples")).to_be_hidden()
    assert page.evaluate("images.length") == 1  # both images are the same one


def test_the_command_is_copied(page: Page) -> None:
    """The head has a command for each way that the trials were run, and a button copies them."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("The same trials again").click()
    page.get_by_role("button", name="Copy the command").click()
    playwright.expect(page.locator("#copied")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#command").inner_text()
    assert copied.splitlines()[0] == (
        "harness run -m small -m large -d board --dataset dots --ways 5 --shots 1 --queries 15 "
        "--seed 0"
    )


def test_the_next_trial_is_the_next_row(page: Page) -> None:
    """Inside a trial one goes on to the next, in the order that is shown."""
    page.locator("#trials .open").first.click()
    page.get_by_role("button", name="Next").click()
    playwright.expect(page.locator("#opened-log")).to_have_text("log of 1")
    assert "large on dots" in page.locator("#opened-title").inner_text()


def test_every_control_is_reached_by_tab(page: Page) -> None:
    """With Tab alone one comes to the skip link, the colours, the filters, sorting and trials."""
    reached = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(each => each.getAttribute('class') || each.name)(document.activeElement)"
            )
        )
    assert {"skip", "theme", "words", "device", "point", "scroll", "sort", "open"} <= reached


@pytest.mark.parametrize("width", [320, 400, 1440, 2560])
def test_the_page_never_scrolls_sideways(page: Page, width: int) -> None:
    """Whatever the width, nothing reaches beyond it, on screen as in print."""
    page.set_viewport_size({"width": width, "height": 900})
    for medium in ("screen", "print"):
        page.emulate_media(media=medium)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_column_sorts_by_value_both_ways(page: Page) -> None:
    """Numbers sort as numbers, whatever marks are beside them; what is missing comes last."""
    for table in page.locator("table").all():
        for place, heading in enumerate(table.locator("thead th").all()):
            is_number = "number" in (heading.get_attribute("class") or "")
            for way in (1, -1):
                heading.locator("button").click()
                cells = table.locator(f"tbody tr > :nth-child({place + 1})").all_inner_texts()
                keys = [key for text in cells if (key := value(text, is_number=is_number)) != ""]
                assert keys == sorted(keys, reverse=way == -1), (heading.inner_text(), cells)


def value(text: str, *, is_number: bool) -> float | str:
    """What a reader takes a cell to be worth; empty where nothing is known."""
    first = next(iter(text.split()), "").strip("~*").replace(",", "")
    if not is_number:
        return text.lower()
    return "" if first in ("", "–", "X") else float(first.replace("−", "-"))


def test_the_legend_hides_a_method_everywhere(page: Page) -> None:
    """In tables, bars and the scatter; and shows it again."""
    shown = "tr[data-method=large]:visible, #charts [data-method=large]"
    assert page.locator(shown).count() > 4
    page.locator("#legend button", has_text="large").click()
    assert page.locator(shown).count() == 0
    page.locator("#legend button", has_text="large").press("Enter")
    assert page.locator(shown).count() > 4


def test_filters_change_the_charts(page: Page) -> None:
    """A chosen device leaves its rows alone in bars and scatter."""
    bars = page.locator("#memory-bars li")
    before = bars.count()
    page.get_by_label("Device").select_option("other")
    assert 0 < bars.count() < before
    assert all("other" in text for text in page.locator("#charts h3").all_inner_texts())


def test_the_limit_says_what_would_fit(page: Page) -> None:
    """Dragged to 9.5 MiB, 9.0 fits and 10.5 does not; the button returns to the board's own."""
    told = page.locator("#limit-told")
    own = told.inner_text()
    assert own == "3 of 4 fit in their device"
    page.locator("#limit").evaluate(
        "each => { each.value = 9.5; each.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    assert told.inner_text().startswith("1 of 4 fit in 9.5 MiB")
    assert page.locator("#memory-bars li[data-fits=false]").count() == 3
    page.locator("#limit-reset").click()
    assert told.inner_text() == own


def test_what_was_chosen_survives_a_reload(page: Page) -> None:
    """Filter, hidden method, axis and sorting stand in the address."""
    page.get_by_label("Device").select_option("board")
    page.locator("#legend button", has_text="large").click()
    page.locator("#axis-y").select_option("storage")
    page.locator("#trials thead button", has_text="memory").click()
    page.reload()
    assert page.get_by_label("Device").input_value() == "board"
    assert page.locator("#axis-y").input_value() == "storage"
    assert column(page, "method") == ["small"]
    heading = page.locator("#trials thead th", has_text="memory")
    assert heading.get_attribute("aria-sort") == "ascending"


def test_a_trial_that_is_read_stays_open(page: Page) -> None:
    """A page of a run that goes on reloads itself, and is still at the trial; closed is closed."""
    page.locator("#trials .open").first.click()
    title = page.locator("#opened-title").inner_text()
    page.reload()
    page.locator("#opened-cells svg").first.wait_for()
    assert page.locator("#opened-title").inner_text() == title
    page.keyboard.press("Escape")
    page.wait_for_function("!location.hash.includes('trial=')")  # a closing is told a moment later
    page.reload()
    assert not page.locator("dialog").is_visible()


def test_a_mark_opens_its_trial_by_keyboard(page: Page) -> None:
    """Tab reaches a mark, its numbers are told, and Enter opens its trial."""
    mark = page.locator("#scatter .point").first
    mark.focus()
    playwright.expect(page.locator("#card")).to_contain_text("accuracy")
    page.keyboard.press("Enter")
    page.locator("#opened-cells svg, #opened-cells").first.wait_for()
    assert page.locator("dialog").is_visible()


SCATTER = """([metric, more]) => {
  const rows = structuredClone(data.rows.slice(0, 2));
  data.metrics.push({...metricOf("accuracy"), name: metric, more});
  rows.forEach((row, n) => { row.values[metric] = [50 + n, null, null, "measured"]; });
  const drawn = scatter("", rows, "peak_memory", metric, 400);
  return [".front", ".chance"].map((each) => drawn.querySelectorAll(each).length);
}"""


def test_a_scatter_judges_by_the_metric(page: Page) -> None:
    """No Pareto line where no direction is better; accuracies of both kinds have that of chance."""
    assert page.evaluate(SCATTER, ["transductive_accuracy", True]) == [1, 1]
    assert page.evaluate(SCATTER, ["mine", None]) == [0, 0]
    assert page.evaluate(SCATTER, ["yours", True]) == [1, 0]


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
