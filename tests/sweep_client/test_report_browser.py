"""The report in a real browser, offline: what a reader does with it and what a reader sees."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sweep_client.files import write_json
from sweep_client.limits import family
from sweep_client.report import write_report
from tests.browser import open_browser
from tests.sweep_client.builders import wait_until
from tests.sweep_client.sample_results import Sample, error, pricing_sweep, value

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
OpenPage = Callable[..., "Page"]

# Every visible text with its colour and the background under it; WCAG's contrast of the worst of them.
WORST_CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (text) => { if (!known.has(text)) known.set(text, read(text)); return known.get(text); };
  const read = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const luminance = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const under = (element) => { for (let at = element; at; at = at.parentElement) { const c = rgba(getComputedStyle(at).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
  let worst = [21, ""];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest("script, .hidden, .skip, :disabled") || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const pair = [luminance(rgba(element.closest("svg") ? style.fill : style.color)), luminance(under(element))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 120)];
  }
  return worst;
}"""
NATURAL_WIDTHS = "all => Promise.all(all.map((image) => image.decode().then(() => image.naturalWidth)))"
OUTSIDE = """(chart) => {
  const frame = chart.getBoundingClientRect();
  const boxes = [...chart.querySelectorAll("path, text")].map((part) => part.getBoundingClientRect());
  return boxes.filter((box) => box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom).length;
}"""
NAMELESS = """() => [...document.querySelectorAll("button, input, select, a[href]")].filter((element) =>
  !(element.textContent.trim() || element.getAttribute("aria-label") || element.labels?.length)).map((element) => element.outerHTML)"""


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with open_browser() as running:
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(pricing_sweep(tmp_path_factory.mktemp("pricing")))


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[OpenPage]:
    """Open a report offline; at the end no page has logged an error or asked for anything but itself."""
    problems: list[str] = []
    contexts = []

    def open_(path: Path, width: int = 1280, **options: Any) -> "Page":
        context = browser.new_context(offline=True, viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda problem: problems.append(str(problem)))
        page.on(
            "request",
            lambda request: problems.append(request.url) if _is_foreign(request.url, path) else None,
        )
        page.goto(path.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def _is_foreign(url: str, path: Path) -> bool:
    return not url.startswith("data:") and url.partition("#")[0] != path.as_uri()


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


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("dark", 390)])
def test_light_and_dark_look_right(
    report: Path, open_page: OpenPage, tmp_path: Path, scheme: str, width: int
) -> None:
    page = open_page(report, width, color_scheme=scheme)
    page.locator("details.failure").evaluate_all("all => all.forEach((details) => { details.open = true; })")
    _assert_laid_out(page, width)
    ratio, where = page.evaluate(WORST_CONTRAST)
    assert ratio >= 4.5, where
    luminance = _mean_luminance(page.screenshot(path=tmp_path / "page.png"))
    assert luminance > 200 if scheme == "light" else luminance < 60
    page.locator("#table button.open").first.click()
    assert page.evaluate(WORST_CONTRAST)[0] >= 4.5
    page.screenshot(path=tmp_path / "detail.png")


def _assert_laid_out(page: "Page", width: int) -> None:
    """Nothing is wider than the page, every image has arrived, and all of the plot lies in its frame."""
    assert page.evaluate("document.documentElement.scrollWidth") == width
    sizes = page.locator("#gallery img").evaluate_all(NATURAL_WIDTHS)
    assert len(sizes) == 30
    assert min(sizes) >= 80
    assert page.locator("#chart path.point").count() == 54
    assert page.locator("#chart").evaluate(OUTSIDE) == 0


def _mean_luminance(screenshot: bytes) -> float:
    import io

    from PIL import Image, ImageStat

    with Image.open(io.BytesIO(screenshot)) as picture:
        assert len(picture.convert("RGB").resize((160, 112)).getcolors(160 * 112) or []) > 50
        return ImageStat.Stat(picture.convert("L")).mean[0]


def test_every_control_has_a_name_and_the_table_has_heads(report: Path, open_page: OpenPage) -> None:
    page = open_page(report)
    assert page.evaluate(NAMELESS) == []
    assert page.locator("table caption").count() == 1
    assert page.locator("thead th:not([scope]), tbody tr > :first-child:not(th[scope=row])").count() == 0
    ids = page.locator("[id]").evaluate_all("all => all.map((element) => element.id)")
    assert len(ids) == len(set(ids))


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
