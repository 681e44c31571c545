from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from sweep_client.encoding import decode
from sweep_client.errors import ParameterError
from sweep_client.parameter_files import Row, Text, load_yaml, read_rows
from sweep_client.parameter_types import read_parameters
from sweep_client.parameters import check_rows

PARAMETERS = read_parameters(
    'ticker: str = "X"\nrate: float = 0.1\nyears: int = 1\nflag: bool = False\nnote: str | None = None'
)


def checked(rows: Any, **fixed: Any) -> list[dict[str, Any]]:
    return [decode(row.parameters) for row in check_rows(read_rows(rows), PARAMETERS, fixed)]


def test_csv_values_have_the_types_of_the_template(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("ticker,rate,years,flag,note\n007,nan,3,yes,\nA,,,,x\n", encoding="utf-8-sig")
    first, second = checked(path)
    assert first["ticker"] == "007"
    assert math.isnan(first.pop("rate"))
    assert first == {"ticker": "007", "years": 3, "flag": True, "note": None}
    assert second == {"ticker": "A", "note": "x"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_of_a_csv_file_is_found(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f"ticker{separator}rate\nA{separator}1\n")
    assert checked(path) == [{"ticker": "A", "rate": 1.0}]


def test_all_formats_give_the_same_rows(tmp_path: Path) -> None:
    import pandas as pd
    import pyarrow as pa

    rows = [{"ticker": "007", "rate": 0.5, "years": 2}, {"ticker": "B", "rate": 1.0, "years": 3}]
    (tmp_path / "p.json").write_text(json.dumps(rows))
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    (tmp_path / "p.yaml").write_text(
        "- {ticker: '007', rate: 0.5, years: 2}\n- {ticker: B, rate: 1, years: 3}\n"
    )
    (tmp_path / "p.csv").write_text("ticker,rate,years\n007,0.5,2\n\nB,1,3\n")
    pd.DataFrame(rows).to_parquet(tmp_path / "p.parquet")
    sources = [tmp_path / f"p.{suffix}" for suffix in ("json", "jsonl", "yaml", "csv", "parquet")]
    for source in [*sources, rows, iter(rows), pd.DataFrame(rows), pa.Table.from_pylist(rows)]:
        assert checked(source) == rows


def test_a_mapping_is_one_set_or_a_grid(tmp_path: Path) -> None:
    assert checked({"ticker": "A"}) == [{"ticker": "A"}]
    path = tmp_path / "grid.yaml"
    path.write_text("grid: {ticker: [A, B]}\nzip: {rate: [0.1, 0.2], years: [1, 2]}\n")
    assert len(checked(path)) == 4


def test_one_message_names_every_bad_row_and_column(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("ticker,rate,yeers\nA,fast,1\nB,0.1,1\nC,slow,1\n")
    with pytest.raises(ParameterError) as error:
        checked(path)
    message = str(error.value)
    assert "3 things are wrong in 3 rows" in message
    assert "line 2, column 'rate': 'fast' is not float" in message
    assert "line 4, column 'rate': 'slow' is not float" in message
    assert "did you mean 'years'?" in message
    assert "nothing was run" in message


def test_the_one_bad_row_of_five_thousand_is_found(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    lines = [f"T{number},{number / 7}" for number in range(5000)]
    lines[3210] = "T3210,oops"
    path.write_text("ticker,rate\n" + "\n".join(lines) + "\n")
    with pytest.raises(ParameterError) as error:
        checked(path)
    assert [(bad.row, bad.column) for bad in error.value.bad] == [("line 3212", "rate")]


def test_a_row_that_stands_twice_is_named() -> None:
    with pytest.raises(ParameterError, match="set 3: has the same parameters as set 1"):
        checked([{"rate": 1}, {"rate": 2}, {"rate": 1.0}])


def test_a_value_for_all_rows_is_checked_too() -> None:
    assert checked([{"rate": 1.0}], ticker="B") == [{"rate": 1.0, "ticker": "B"}]
    with pytest.raises(ParameterError, match="is not int"):
        checked([{}], years=Text("x"))


def test_a_parameter_without_default_is_required() -> None:
    required = read_parameters("a: int\nb = 2")
    with pytest.raises(ParameterError, match="column 'a': has no value, and the notebook has no default"):
        list(check_rows(read_rows([{"b": 1}]), required))


def test_resource_columns_are_no_parameters() -> None:
    rows = iter(
        [Row("line 2", {"rate": Text("1"), "@memory": Text("2G"), "@cpus": Text("4"), "@time": Text("")})]
    )
    (row,) = check_rows(rows, PARAMETERS)
    assert row.parameters == {"rate": 1.0}
    assert row.resources == {"memory": 2 << 30, "cpus": 4}


def test_an_unknown_resource_lists_the_known_ones() -> None:
    with pytest.raises(ParameterError, match=r"unknown resource @cpu; known are @cpus, @memory"):
        checked([{"@cpu": 1}])


def test_no_rows_at_all_are_refused() -> None:
    with pytest.raises(ParameterError, match="no parameter rows"):
        checked([])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", "", "its first line must name the columns"),
        ("p.csv", "a,a\n1,2\n", "the column 'a' stands twice"),
        ("p.csv", "a,\n1,2\n", "a column has no name"),
        ("p.csv", "rate,years\n1\n", "line 2 has 1 fields, the header has 2"),
        ("p.csv", 'rate\n"1\n', "line 2: unexpected end of data"),
        ("p.json", "{", "invalid JSON"),
        ("p.json", "3", "must hold a list of sets"),
        ("p.json", "[3]", "set 1: must be names with values"),
        ("p.jsonl", "{\n", "line 1: invalid JSON"),
        ("p.yaml", "a: [", "invalid YAML"),
        ("p.parquet", "no", "not a Parquet file"),
        ("p.xlsx", "", "not .xlsx"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ParameterError, match=message):
        checked(path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(b"ticker\nB\xf6rse\n")
    with pytest.raises(ParameterError, match="not UTF-8"):
        checked(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="there is no such parameter file"):
        checked(tmp_path / "none.csv")


def test_something_else_is_refused() -> None:
    with pytest.raises(ParameterError, match="parameters cannot be a int"):
        read_rows(3)


def test_yaml_runs_no_code() -> None:
    with pytest.raises(ParameterError, match="invalid YAML"):
        load_yaml("!!python/object/apply:os.system ['true']", "x")
