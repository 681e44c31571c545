import html
import json
import re
from pathlib import Path

from tests.sweep_client.sample_results import SOURCE, Sample, error, page_of, pricing_sweep


def test_failures_are_grouped_by_cell_and_exception_with_source_and_traceback(tmp_path: Path) -> None:
    page = page_of(pricing_sweep(tmp_path, images=False))
    groups = re.findall(r'<details class="failure" data-failure="(.*?)">', page)
    assert groups == ["ValueError in cell 3", "TimeLimit in cell 4"]
    assert SOURCE in html.unescape(page)
    assert "----&gt; 1 price = black_scholes(spot, rate, volatility)" in page
    assert "\x1b" not in page
    assert "took longer than 900 s" in page


def test_the_failing_cell_comes_from_the_executed_notebook_where_there_is_one(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    sample.add({"x": 1}, "failed", error=error(1, cell_id="b"), notebook="variants/n.ipynb")
    root = sample.write()
    (root / "variants").mkdir()
    cells = [
        {"id": "a", "source": "first"},
        {"id": "x", "source": "no"},
        {"id": "b", "source": ["the ", "failing one"]},
    ]
    (root / "variants" / "n.ipynb").write_text(json.dumps({"cells": cells}))
    assert "the failing one" in page_of(root)


def test_a_failure_without_a_cell_or_a_known_notebook_is_shown(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    lost = {"reason": "lost", "cell": None, "exception": "", "message": "", "traceback": None}
    sample.add({"x": 1}, "failed", error=lost, notebook=None)
    assert 'data-failure="Error outside the cells"' in page_of(sample.write(template="../outside.ipynb"))


def test_many_groups_and_many_variants_of_a_group_are_bounded(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    for number in range(300):
        sample.add({"x": number}, "failed", error=error(number % 100, traceback=["x" * 100_000]))
    page = page_of(sample.write())
    assert page.count('<details class="failure"') == 60
    assert len(page) < 1_000_000
