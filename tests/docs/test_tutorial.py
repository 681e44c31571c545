"""The tutorial's first step, which needs no cluster, and the pictures that the tutorial shows."""

import re
from pathlib import Path

import pytest

from tests.browser import keep_picture, new_page, open_browser
from tests.cluster.paths import ROOT
from tests.kube import run

TUTORIAL = ROOT / "docs" / "tutorial"
LARGEST_PICTURE = 150_000


def recipe(target: str) -> list[str]:
    """The commands of a target of the Makefile."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found, target
    return [line.strip().removeprefix("@") for line in found[1].splitlines()]


@pytest.mark.e2e
@pytest.mark.browser
def test_the_sweep_without_a_cluster_ends_with_a_report_of_all_variants(tmp_path: Path) -> None:
    for command in recipe("demo-local"):
        done = run(["bash", "-c", f"cd {ROOT} && {command.replace('.tools/demo-local', str(tmp_path))}"])
        assert done.code == 0, done.text
    variants = (ROOT / "docs" / "examples" / "tickers.csv").read_text().strip().count("\n")
    with open_browser() as browser:
        page = new_page(browser, viewport={"width": 1200, "height": 1395})
        page.goto((tmp_path / "report.html").as_uri())
        page.locator("#shown", has_text=f"{variants} variants").wait_for()
        page.wait_for_function("[...document.images].every((image) => image.complete)")
        keep_picture(page, "report")


def test_the_tutorial_shows_small_pictures_that_browser_tests_take() -> None:
    shown = set(re.findall(r"!\[[^\]]+\]\(([a-z-]+\.png)\)", (TUTORIAL / "first-sweep.md").read_text()))
    taken = {
        f"{name}.png"
        for path in ROOT.glob("tests/**/test_*.py")
        for name in re.findall(r'keep_picture\(page, "([a-z-]+)"\)', path.read_text())
    }
    assert shown == {path.name for path in TUTORIAL.glob("*.png")}
    assert shown <= taken
    assert [path.name for path in TUTORIAL.glob("*.png") if path.stat().st_size > LARGEST_PICTURE] == []
