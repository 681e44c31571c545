"""How the report looks in a real browser: light, dark, narrow, and to those who do not see it."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sweep_client.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

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
