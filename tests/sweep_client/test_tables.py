from __future__ import annotations

import io
from pathlib import Path

import pytest

from sweep_client.errors import InputRefused
from sweep_client.results import Results
from sweep_client.tables import rows, table_names, to_arrow, write_table, write_text
from tests.sweep_client.builders import cell
from tests.sweep_client.conftest import Execute


@pytest.fixture
def results(execute: Execute) -> Results:
    cells = [
        cell("import datetime\na = 1\nday: datetime.date = None", "P"),
        "import numpy as np, pandas as pd",
        cell("pd.DataFrame({'x': range(a), 'y': 'z'}, index=range(1, a + 1))", "C", "name:frame"),
        cell("[{'i': i} for i in range(a)]", "C", "name:dicts"),
        cell("np.arange(2.0 * a).reshape(a, 2)", "C", "name:matrix"),
        cell("np.arange(a)", "C", "name:vector"),
        cell("{'low': a - 1, 'high': float('nan')}", "R", "name:range"),
        cell("[a, 'mixed']", "R", "name:list"),
    ]
    return execute(*cells, rows=[{"a": 1, "day": "2026-01-31"}, {"a": 2}])


def test_every_joined_cell_is_a_table_with_the_parameters(results: Results) -> None:
    assert table_names(results) == ["frame", "dicts", "matrix", "vector"]
    frame = [{key: row[key] for key in ("a", "x", "y")} for row in rows(results, "frame")]
    assert frame == [{"a": 1, "x": 0, "y": "z"}, {"a": 2, "x": 0, "y": "z"}, {"a": 2, "x": 1, "y": "z"}]
    assert [row["i"] for row in rows(results, "dicts")] == [0, 0, 1]
    assert [row["matrix_1"] for row in rows(results, "matrix")] == [1.0, 1.0, 3.0]
    assert [row["vector"] for row in rows(results, "vector")] == [0, 0, 1]


def test_without_a_name_several_tables_give_one_row_per_variant(results: Results) -> None:
    text = io.StringIO()
    assert write_text(results, text, "csv") == 2
    head, first, _ = text.getvalue().splitlines()
    assert head.startswith("a,day,frame,dicts,matrix,vector,range.low,range.high,list")
    assert first.startswith("1,2026-01-31,variants/")
    assert first.endswith('0,nan,"[1,""mixed""]"')


def test_an_unknown_table_lists_the_known_ones(results: Results) -> None:
    with pytest.raises(InputRefused, match="there are frame, dicts, matrix, vector, variants"):
        list(rows(results, "none"))


def test_tables_keep_their_types_in_parquet(results: Results, tmp_path: Path) -> None:
    import pyarrow.parquet

    assert write_table(results, tmp_path / "t.parquet", "parquet", "vector") == 3
    table = pyarrow.parquet.read_table(tmp_path / "t.parquet")
    assert [str(field.type) for field in table.schema] == ["int64", "date32[day]", "int64"]
    assert str(to_arrow(results).schema.field("list").type) == "string"
    assert write_table(results, tmp_path / "t.json", "json", "dicts") == 3
