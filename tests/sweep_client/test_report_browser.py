"""The report in a real browser, offline: what a reader does with it and what a reader sees."""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sweep_client.files import write_json
from sweep_client.limits import family
from sweep_client.report import write_report
from tests.sweep_client.builders import wait_until
from tests.sweep_client.conftest import OpenPage
from tests.sweep_client.sample_results import Sample, error, value

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def texts(page: "Page", column: int) -> list[str]:
    return page.locator(f"#table tbody tr > :nth-child({column})").all_inner_texts()


def test_a_click_on_a_head_sorts_and_a_second_one_turns_the_order_round(
    report: Path, open_page: OpenPage
) -> None:
    page = open_page(report)
    price = "th[data-sort='column.result.price']"
    head = page.locator(price)
    head.get_by_role("button").click()
    page.wait_for_selector(f"{price}[aria-sort=ascending]")
    prices = [float(text) for text in texts(page, 7)]
    assert prices == sorted(prices)
    assert prices[0] == pytest.approx(10.9)
    head.get_by_role("button").click()
    page.wait_for_selector(f"{price}[aria-sort=descending]")
    prices = [float(text) for text in texts(page, 7)]
    assert prices == sorted(prices, reverse=True)


def test_the_table_is_sorted_and_turned_by_keyboard(report: Path, open_page: OpenPage) -> None:
    page = open_page(report)
    page.locator("th[data-sort='column.parameter.model'] button").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    page.wait_for_selector("th[aria-sort=descending]")
    assert set(texts(page, 4)) == {"sabr", "heston"}
    page.get_by_role("button", name="Next page").focus()
    page.keyboard.press("Enter")
    page.get_by_text("26\u201350 of 60").wait_for()
    assert page.locator("#table tbody tr").count() == 25


@pytest.mark.parametrize(
    ("column", "text", "count"),
    [
        ("parameter.rate", "0.02..0.03", 15),
        ("result.price", ">=17", 9),
        ("parameter.model", "=sabr", 20),
        ("parameter.model", "!sabr", 40),
    ],
)
def test_a_column_is_filtered_by_text_range_and_comparison(
    report: Path, open_page: OpenPage, column: str, text: str, count: int
) -> None:
    page = open_page(report)
    page.locator(f"[data-filter='column.{column}']").fill(text)
    page.get_by_text(f"{count} of 60 variants").wait_for()
    page.get_by_role("button", name="Clear filters").click()
    page.locator("#shown", has_text="60 variants").wait_for()


def test_search_and_state_act_on_table_plot_and_images_together(report: Path, open_page: OpenPage) -> None:
    page = open_page(report)
    page.get_by_placeholder("Search all columns").fill("heston")
    page.get_by_text("20 of 60 variants").wait_for()
    assert page.locator("#chart path.point").count() == 19
    assert page.locator("#gallery li").count() == 19
    page.locator("#states label", has_text="failed").click()
    page.get_by_text("1 of 60 variants").wait_for()
    assert texts(page, 2) == ["failed"]
    assert "No image matches" in page.locator("#gallery").inner_text()


def test_the_view_survives_a_reload(report: Path, open_page: OpenPage) -> None:
    page = open_page(report)
    page.locator("[data-filter='column.parameter.model']").fill("=heston")
    page.locator("th[data-sort='column.result.price'] button").click()
    page.get_by_label("Group by").select_option(label="volatility")
    page.wait_for_selector("th[aria-sort=ascending]")
    # The address has it with the next frame, in which this is drawn, too.
    page.locator("#gallery h3").nth(4).wait_for(state="attached")
    page.reload()
    assert page.locator("#shown").inner_text() == "20 of 60 variants"
    assert page.locator("[data-filter='column.parameter.model']").input_value() == "=heston"
    assert page.locator("th[aria-sort=ascending]").count() == 1
    assert page.locator("#gallery h3").count() == 5


def test_a_failure_opens_to_its_cell_and_leads_to_its_variants(report: Path, open_page: OpenPage) -> None:
    page = open_page(report)
    failure = page.locator("details.failure").first
    assert not failure.locator("pre.source").is_visible()
    failure.locator("summary").click()
    assert "price = black_scholes(spot, rate, volatility)" in failure.locator("pre.source").inner_text()
    assert "ValueError: volatility must be positive" in failure.locator("pre.traceback").inner_text()
    failure.get_by_role("button", name="Show in the table").click()
    page.get_by_text("5 of 60 variants").wait_for()
    assert set(texts(page, 2)) == {"failed"}


def test_a_variant_opens_over_the_page_and_closes_by_keyboard(report: Path, open_page: OpenPage) -> None:
    page = open_page(report)
    page.locator("#gallery button").nth(2).click()
    dialog = page.locator("dialog[open]")
    assert dialog.get_by_role("heading", level=2).inner_text().startswith("Variant 2")
    assert dialog.locator("img").count() == 1
    page.keyboard.press("ArrowRight")
    dialog.get_by_role("heading", name="Variant 3").wait_for()
    link = dialog.get_by_role("link", name="Executed notebook").get_attribute("href")
    assert link is not None
    assert link.startswith("./variants/")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_the_plot_follows_its_choices(report: Path, open_page: OpenPage) -> None:
    page = open_page(report)
    assert page.locator("#chart path.point").count() == 54
    assert page.locator("#chart polyline").count() == 3
    assert page.locator("#legend li").all_inner_texts() == ["black-scholes", "heston", "sabr"]
    page.get_by_label("X", exact=True).select_option(label="model")
    page.get_by_label("Y", exact=True).select_option(label="greeks.vega")
    page.get_by_label("Log y").check()
    page.get_by_label("Colour").select_option(label="rate")
    page.locator("#chart svg[aria-label^='greeks.vega against model']").wait_for()
    page.locator("#legend rect").nth(39).wait_for(state="attached")
    assert page.get_by_label("Log x").is_disabled()
    assert page.locator("#chart polyline").count() == 0
    assert page.locator("#legend rect").count() == 40
    page.locator("#chart path.point").nth(5).hover(force=True)
    assert "greeks.vega" in page.locator("#tip").inner_text()
    page.locator("#chart path.point").nth(5).click(force=True)
    page.locator("dialog[open]").wait_for()


def test_markup_in_values_is_text(tmp_path: Path, open_page: OpenPage) -> None:
    attack = "</script><script>window.hit = 1</script><img src=x onerror='window.hit = 2'>"
    sample = Sample(tmp_path, name=attack)
    for number in range(2):
        sample.add({attack: attack + str(number)}, results=[value(attack, number)])
    sample.add({attack: attack}, "failed", error=error(1, attack, message=attack, traceback=[attack]))
    page = open_page(write_report(sample.write()))
    page.locator("summary").click()
    page.locator("#table button.open").first.click()
    assert page.locator("dialog dd").first.inner_text() == attack + "0"
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0


def test_a_sweep_that_has_just_begun_reads_well(tmp_path: Path, open_page: OpenPage) -> None:
    sample = Sample(tmp_path, parameters=("rate",))
    sample.add({"rate": 1}, "pending")
    page = open_page(write_report(sample.write()))
    assert texts(page, 2) == ["pending"]
    assert not page.locator("#plot").is_visible()
    assert not page.locator("#images").is_visible()


def test_a_running_page_loads_the_next_report_and_keeps_its_filter(
    tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import TimeoutError as TooLate

    monkeypatch.setattr("sweep_client.report.REFRESH_SECONDS", 1)
    sample = Sample(tmp_path)
    sample.add({"x": 1})
    sample.add({"x": 2}, "pending")
    root = sample.write()
    write_json(root / "workers" / "w.json", {"state": "running"})
    page = open_page(write_report(root))
    shown = page.get_by_text("1 of 2 variants", exact=True)
    done = page.locator("#states label", has_text="done")

    def chosen() -> bool:
        if not done.locator("input").is_checked():
            done.click()
        try:
            shown.wait_for(timeout=3_000)
        except TooLate:
            return False
        return True

    # A click just before the page loads again is forgotten.
    wait_until("the choice is seen", chosen)
    (root / "workers" / "w.json").unlink()
    write_report(root)
    page.get_by_text("Not finished").wait_for()
    shown.wait_for()


def test_10000_rows_are_sorted_filtered_and_drawn_at_once(tmp_path: Path, open_page: OpenPage) -> None:
    sample = Sample(tmp_path)
    for number in range(10_000):
        sample.add({"x": number * 7919 % 10_000, "model": f"m{number % 5}"}, "pending")
    page = open_page(write_report(sample.write()))
    assert page.locator("#table tbody tr").count() == 25
    started = _processor_seconds()
    page.locator("th[data-sort='column.parameter.x'] button").click()
    page.wait_for_selector("th[aria-sort=ascending]")
    page.get_by_placeholder("Search all columns").fill("m3")
    page.get_by_text("2,000 of 10,000 variants").wait_for()
    assert _processor_seconds() - started < 10
    page.get_by_role("button", name="Last page").click()
    page.get_by_text("1,976\u20132,000 of 2,000").wait_for()


def _processor_seconds() -> float:
    """Time of the processor that the browser has had: what else the machine does at the moment says nothing of the page."""
    ticks = 0
    for pid in family(os.getpid()):
        with contextlib.suppress(OSError):
            counted = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(counted[11]) + int(counted[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_values_over_many_decades_are_drawn_on_a_logarithmic_axis(
    tmp_path: Path, open_page: OpenPage
) -> None:
    sample = Sample(tmp_path)
    for power in range(-5, 0):
        sample.add({"learning_rate": 10.0**power}, results=[value("accuracy", 0.5 - power / 20)])
    page = open_page(write_report(sample.write()))
    assert page.get_by_label("Log x").is_checked()
    assert not page.get_by_label("Log y").is_checked()
    assert page.locator("#chart text", has_text="0.001").count() == 1
    page.get_by_label("Log x").uncheck()
    page.wait_for_url(lambda url: "logx=" in url)
    page.reload()
    assert not page.get_by_label("Log x").is_checked()
