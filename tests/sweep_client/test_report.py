import base64
import hashlib
import html
import re
import time
from pathlib import Path
from typing import Any

import pytest

from sweep_client.errors import DirectoryError
from sweep_client.files import write_json
from sweep_client.report import write_report
from sweep_client.report_summary import rate_text
from tests.sweep_client.builders import sweep_command
from tests.sweep_client.sample_results import Sample, data_of, error, page_of, pricing_sweep, value

ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def column(data: dict[str, Any], name: str) -> list[Any]:
    place = [known for _, known, _ in data["columns"]].index(name)
    return [row[place] for row in data["rows"]]


def kind(data: dict[str, Any], name: str) -> str:
    return str({known: kind for _, known, kind in data["columns"]}[name])


def test_the_table_holds_every_variant_with_parameters_results_and_state(tmp_path: Path) -> None:
    data = data_of(page_of(pricing_sweep(tmp_path, images=False)))
    names = [
        "model",
        "rate",
        "volatility",
        "price",
        "greeks.delta",
        "greeks.vega",
        "time / s",
        "memory / MiB",
        "failure",
    ]
    assert [name for _, name, _ in data["columns"]] == names
    assert len(data["rows"]) == 60
    assert column(data, "model")[20] == "heston"
    assert column(data, "price")[0] == pytest.approx(10.9)
    assert column(data, "price")[40] is None
    assert [state for _, state, _, _ in data["heads"]].count(1) == 6


def test_the_head_says_counts_rate_duration_and_engine(tmp_path: Path) -> None:
    page = page_of(pricing_sweep(tmp_path, images=False))
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert facts["Duration"] == "60 s"
    assert facts["Rate"] == "1 / s"
    assert facts["Engine"] == "fork"
    assert facts["Hosts"] == "node-1"
    assert "<strong>60</strong> of 60 variants finished" in page
    assert "Finished, 6 failed" in page


def test_the_page_may_load_nothing_and_run_only_its_own_script(tmp_path: Path) -> None:
    page = page_of(pricing_sweep(tmp_path, images=False))
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="(.*?)"', page)[0])
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    links = re.findall(r'\s(?:src|href|action|data)="([^"]*)"', page)
    assert [link for link in links if re.match(r"(?:[a-z]+:)?//|https?:", link)] == []
    assert "@import" not in page
    assert "url(" not in page


def test_values_that_look_like_markup_stay_text(tmp_path: Path) -> None:
    sample = Sample(tmp_path, name=ATTACK, parameters=(ATTACK,))
    sample.add({ATTACK: ATTACK, "list": [ATTACK]}, results=[value(ATTACK, ATTACK)])
    sample.add({ATTACK: ATTACK}, "failed", error=error(3, ATTACK, message=ATTACK, traceback=[ATTACK]))
    page = page_of(sample.write())
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert html.escape(ATTACK, quote=False) in page
    assert column(data_of(page), ATTACK)[0] == ATTACK


def test_values_that_json_lacks_are_shown_as_people_read_them(tmp_path: Path) -> None:
    import datetime
    import decimal

    sample = Sample(tmp_path)
    values = [float("nan"), float("inf"), 1.5, -float("inf"), 2**60, None]
    for number in values:
        sample.add(
            {"x": number, "day": datetime.date(2026, 1, 31), "text": "007", "amount": decimal.Decimal("0.1")}
        )
    sample.add({"x": True, "nested": {"a": [1, (2,), {3}, None, "ü"], "b": b"1"}})
    data = data_of(page_of(sample.write()))
    assert column(data, "x") == ["nan", "inf", 1.5, "-inf", str(2**60), "None", "True"]
    assert kind(data, "x") == "text"
    assert column(data, "day")[0] == "2026-01-31"
    assert column(data, "text")[0] == "007"
    assert column(data, "amount")[0] == 0.1
    assert column(data, "nested")[-1] == "{'a': [1, (2,), {3}, None, 'ü'], 'b': 3 bytes}"


def test_a_column_of_numbers_and_values_that_are_not_finite_is_numeric(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    for number in (1.5, float("nan"), float("inf"), 7):
        sample.add({"rate": None if number == 7 else 0.1}, results=[value("price", number)])
    data = data_of(page_of(sample.write()))
    assert (kind(data, "price"), column(data, "price")) == ("number", [1.5, "nan", "inf", 7])
    assert (kind(data, "rate"), column(data, "rate")[-1]) == ("number", "None")


def test_long_and_strange_texts_are_cut_and_do_not_break_the_page(tmp_path: Path) -> None:
    sample = Sample(tmp_path, name="größe 🚀 عربي")
    sample.add({"text": "x" * 100_000, "half": "\ud800", "line": "a\u2028b\n\x00"})
    page = page_of(sample.write())
    data = data_of(page)
    assert len(column(data, "text")[0]) == 160
    assert "größe 🚀 عربي" in page
    assert len(page) < 80_000


@pytest.mark.parametrize("state", ["pending", "running"])
def test_a_sweep_without_a_finished_variant_has_a_report(tmp_path: Path, state: str) -> None:
    sample = Sample(tmp_path, parameters=("rate",))
    sample.add({"rate": 0.1}, state)
    page = page_of(sample.write())
    assert "<strong>0</strong> of 1 variants finished" in page
    assert data_of(page)["columns"] == [["parameter", "rate", "number"]]


def test_a_sweep_of_no_variants_has_a_report(tmp_path: Path) -> None:
    assert "<strong>0</strong> of 0 variants finished" in page_of(Sample(tmp_path).write())


def test_a_directory_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match="no sweep here"):
        write_report(tmp_path)


def test_a_running_sweep_reloads_and_a_finished_one_does_not(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    sample.add({"x": 1})
    sample.add({"x": 2}, "pending")
    root = sample.write()
    assert data_of(page_of(root))["refresh"] == 0
    worker = root / "workers" / "node-1-1.json"
    write_json(worker, {"format": 1, "worker": "node-1-1", "state": "running"})
    page = page_of(root)
    assert data_of(page)["refresh"] == 15
    assert 'http-equiv="refresh"' in page
    assert "Running" in page
    write_json(worker, {"format": 1, "worker": "node-1-1", "state": "ended"})
    page = page_of(root)
    assert 'http-equiv="refresh"' not in page
    assert "Not finished" in page


def test_10000_variants_give_a_small_report_quickly(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    for number in range(10_000):
        sample.add({"rate": number / 10_000, "model": f"m{number % 3}"}, "pending")
    root = sample.write()
    # Time of the processor: what else the machine does at the moment says nothing of the report.
    started = time.process_time()
    path = write_report(root)
    assert time.process_time() - started < 10
    assert path.stat().st_size < 1_500_000
    assert len(data_of(path.read_text())["rows"]) == 10_000


def test_variants_beyond_the_limit_are_counted_but_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweep_client.report.ROW_LIMIT", 10)
    page = page_of(pricing_sweep(tmp_path, images=False))
    assert len(data_of(page)["rows"]) == 10
    assert "The first 10 variants are listed" in page


def test_results_that_are_no_plain_values_are_described(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    results = [
        {"name": "frame", "kind": "table", "path": "t.arrow", "rows": 3, "columns": ["a", "b"]},
        {"name": "array", "kind": "tensor", "path": "t.npy", "shape": [2, 3], "dtype": "float64"},
        {"name": "object", "kind": "opaque", "path": "t.pickle", "bytes": 2048, "type": "Model"},
        {"name": "large", "kind": "json", "path": "t.json", "bytes": 2_097_152, "type": "list"},
        {"name": "bad", "kind": "unreadable", "message": "no room"},
        {"name": "nothing", "kind": "none"},
    ]
    sample.add({}, results=results)
    data = data_of(page_of(sample.write()))
    shown = {
        name: data["rows"][0][place]
        for place, (group, name, _) in enumerate(data["columns"])
        if group == "result"
    }
    assert shown == {
        "frame": "table, 3 by 2",
        "array": "float64, 2 by 3",
        "object": "Model, 2 KiB",
        "large": "list, 2048 KiB",
        "bad": "not saved: no room",
    }


@pytest.mark.parametrize(
    ("rate", "said"),
    [(0, ""), (120.4, "120 / s"), (0.5, "30 / min"), (0.002, "7.2 / h"), (1e-5, "0.86 / day")],
)
def test_a_rate_is_said_in_the_unit_that_suits_it(rate: float, said: str) -> None:
    assert rate_text(rate) == said


def test_the_command_writes_the_report_and_says_where(tmp_path: Path) -> None:
    result = sweep_command("report", pricing_sweep(tmp_path, images=False))
    assert (result.returncode, result.stdout.strip()) == (0, str(tmp_path / "report.html"))
