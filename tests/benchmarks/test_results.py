"""Results keep to their schema, intervals say what they may, and the report shows all of it in one small file."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest

from benchmarks.compare.__main__ import compare
from benchmarks.report import section
from benchmarks.report.page import newest, write
from benchmarks.results.record import FOLDER, SCHEMA, Line, Recorder, Result, Run, Value, history, read
from benchmarks.results.statistics import interval, reached, verdict


def hpl_runs(series: str, *speeds: float) -> list[Run]:
    parameters: dict[str, Value] = {"N": 8000, "NB": 192, "grid": "1x2", "nodes": 1, "cores": 2}
    return [
        Run(series, parameters, {"gflops": speed, "residual": 1e-3}, block=block)
        for block, speed in enumerate(speeds)
    ]


def saved(folder: Path, runs: list[Run]) -> Path:
    recorder = Recorder("hpl", "smoke", "make bench-hpl")
    recorder.result.runs = runs
    recorder.result.summary = [Line("HPL/DGEMM", "0.9", "≥ 0.85", True)]
    return recorder.save(folder)


def test_every_result_of_the_repository_fits_the_schema() -> None:
    names = [path.name for path in FOLDER.glob("*.json")]
    assert len(history()) == len(names) - 1


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = saved(tmp_path, hpl_runs("pods", 80.0, 81.0))
    result = read(path)
    assert [run.figures["gflops"] for run in result.runs] == [80.0, 81.0]
    assert result.summary[0].met is True
    assert re.fullmatch(r"hpl-\d{4}-\d\d-\d\dT\d{6}\.json", path.name)


def test_a_result_with_a_wrong_member_is_never_written(tmp_path: Path) -> None:
    recorder = Recorder("linpack", "smoke", "make bench-hpl")
    with pytest.raises(jsonschema.ValidationError):
        recorder.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_result_is_named_with_the_place(tmp_path: Path) -> None:
    path = saved(tmp_path, hpl_runs("pods", 80.0))
    content = json.loads(path.read_text())
    content["runs"][0]["valid"] = "yes"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="runs/0/valid"):
        read(path)


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize(
    ("values", "low", "high", "chance"),
    [([2.0], 2, 2, 0), ([1, 2, 3, 4, 5], 1, 5, 0.9375), (list(range(1, 12)), 3, 9, 0.9346)],
)
def test_an_interval_lies_between_order_statistics(
    values: list[float], low: float, high: float, chance: float
) -> None:
    seen = interval(values)
    assert (seen.low, seen.high) == (low, high)
    assert seen.chance == pytest.approx(chance, abs=1e-3)


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ([1.2, 1.21, 1.19, 1.2, 1.22], "better by 20 %"),
        ([0.8, 0.79, 0.81, 0.8, 0.82], "worse by 20 %"),
        ([0.99, 1.0, 1.01, 1.02, 0.98], "equal within 2 %"),
        ([0.8, 1.3, 1.0, 0.9, 1.2], "too noisy to say"),
        ([1.2, 1.2], "too few pairs to say (2 of 5)"),
    ],
)
def test_a_verdict_says_no_more_than_the_pairs_allow(ratios: list[float], said: str) -> None:
    assert verdict(ratios) == said


@pytest.mark.parametrize(
    ("ratios", "met"), [([0.96, 0.97, 0.98, 0.99, 1.0], True), ([0.9, 1.0, 0.94, 0.99, 0.97], None), ([0.5] * 5, False), ([0.5] * 4, None), ([], None)]
)  # fmt: skip
def test_a_wanted_ratio_is_reached_only_where_the_whole_interval_is(
    ratios: list[float], met: bool | None
) -> None:
    assert reached(ratios, 0.95) is met


def test_a_comparison_pairs_runs_of_the_same_block() -> None:
    rows = compare(hpl_runs("pods", 80, 40, 90, 60, 70), hpl_runs("container", 100, 50, 112.5, 75, 87.5))
    assert rows == [
        ["N 8000, NB 192, cores 2, grid 1x2, nodes 1", "gflops", "0.80 (0.80-0.80, 5 runs)", "worse by 20 %"]
    ]


def test_of_times_less_is_better() -> None:
    new, old = ([Run("x", {}, {"seconds": s}, block=b) for b in range(5)] for s in (1.0, 2.0))
    assert compare(new, old)[0][3] == "better by 100 %"


def test_the_report_is_one_small_file_that_loads_nothing(tmp_path: Path) -> None:
    runs = hpl_runs("pods, 1 node", 80, 81, 79, 80, 82)
    for run in runs:
        run.figures = {**run.figures, "of_dgemm": 0.9, "dgemm": 90.0}
    broken = Run("<script>alert(1)</script>", {"N": 1}, {}, valid=False, error="killed")
    saved(tmp_path, [*runs, broken])
    shutil.copy(FOLDER / "hpl-thesis.json", tmp_path)
    path = write(history([tmp_path]), tmp_path / "out")
    html = path.read_text()
    assert path.stat().st_size < 3_000_000
    assert not re.search(r"""(src|href)=["'](?!data:|#)|@import|url\((?!#)""", html)
    assert "<script>alert" not in html
    assert html.count("<svg") == 3
    assert "50.4" in html
    assert {"hpl-1.svg", "hpl-1.csv"} <= {file.name for file in (tmp_path / "out").iterdir()}


def test_the_newest_measured_result_is_shown_and_quoted_ones_never_stand_for_it() -> None:
    first, second, quoted = (Result("hpl", name, "", {"cpu": "x", "cores": 1}) for name in "abc")
    quoted.source = "quoted"
    assert newest([quoted, first, second]) == [second]


def test_a_section_of_the_page_has_the_figures_and_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[str, str] = {}
    monkeypatch.setattr(section, "write_section", written.__setitem__)
    section.publish(saved(tmp_path, hpl_runs("pods", 80)))
    assert written == {}
    recorder = Recorder("hpl", "quick", "python -m benchmarks.hpl")
    recorder.result.summary = [Line("HPL/DGEMM", "0.9", "≥ 0.85", True)]
    section.publish(recorder.save(tmp_path))
    assert "| HPL/DGEMM | 0.9 | ≥ 0.85 |" in written["HPL benchmark"]
    assert "`python -m benchmarks.hpl`" in written["HPL benchmark"]
