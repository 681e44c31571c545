"""Tables of a sweep: parameters and results, in the order of the parameter file; no hosts, no times.

So that the table of one sweep is the same byte by byte wherever it ran.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweep_client.encoding import canonical, encode
from sweep_client.errors import InputRefused
from sweep_client.results import Results, Value, Variant

Row = dict[str, Any]
FORMATS = ("csv", "json", "parquet")


def table_names(results: Results) -> list[str]:
    """Give the names of the joined tables: one for each cell tagged ``concatenate``."""
    return [result["name"] for result in results.sweep.results if result["concatenate"]]


def rows(results: Results, name: str | None = None) -> Iterator[Row]:
    """Give the rows of one joined table, or one row per finished variant.

    Without a name it is the joined table if there is exactly one.

    Raises:
        InputRefused: no table has this name.
    """
    names = table_names(results)
    if name is not None and name not in [*names, "variants"]:
        raise InputRefused(f"there is no table {name!r}; there are {', '.join([*names, 'variants'])}")
    if name is None and len(names) == 1:
        name = names[0]
    for variant in results.variants("done"):
        if name in (None, "variants"):
            yield {**variant.parameters, **_scalars(variant)}
        elif name in variant.values:
            for row in expand(variant.values[name]):
                yield {**variant.parameters, **row}


def expand(value: Value) -> Iterator[Row]:
    """Give the rows of one saved value."""
    if value.kind == "table":
        yield from _frame_rows(value)
    elif value.kind == "tensor":
        yield from _array_rows(value.name, value.load())
    elif value.kind == "image":
        yield {value.name: _place(value)}
    elif value.kind == "json":
        yield from _plain_rows(value.name, value.load())


def to_arrow(results: Results, name: str | None = None) -> Any:
    """Give a table as an Arrow table."""
    import pyarrow

    columns: dict[str, list[Any]] = {}
    count = 0
    for count, row in enumerate(rows(results, name), 1):
        for column, value in row.items():
            columns.setdefault(column, [None] * (count - 1)).append(value)
        for values in columns.values():
            if len(values) < count:
                values.append(None)
    return pyarrow.table({column: _array(values) for column, values in columns.items()})


def write_table(results: Results, path: Path, kind: str, name: str | None = None) -> int:
    """Write a table as CSV, JSON or Parquet; give its number of rows."""
    if kind == "parquet":
        import pyarrow.parquet

        table = to_arrow(results, name)
        pyarrow.parquet.write_table(table, path)
        return int(table.num_rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        return write_text(results, file, kind, name)


def write_text(results: Results, file: Any, kind: str, name: str | None = None) -> int:
    """Write a table as CSV or JSON into an open file; give its number of rows."""
    if kind == "json":
        count = 0
        file.write("[")
        for row in rows(results, name):
            file.write(
                ("," if count else "")
                + "\n"
                + json.dumps({k: _json(v) for k, v in row.items()}, ensure_ascii=False)
            )
            count += 1
        file.write("\n]\n")
        return count
    columns = list(dict.fromkeys(column for row in rows(results, name) for column in row))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows(results, name):
        writer.writerow([_text(row.get(column)) for column in columns])
        count += 1
    return count


def _scalars(variant: Variant) -> Row:
    found: Row = {}
    for name, value in variant.values.items():
        if value.kind == "json" and "value" in value.result:
            content = value.load()
            if isinstance(content, dict):
                found |= {f"{name}.{part}": item for part, item in content.items()}
            else:
                found[name] = content
        elif value.path is not None:
            found[name] = _place(value)
    return found


def _place(value: Value) -> str:
    """The variant's folder: the same wherever it ran, unlike the attempt's."""
    return "/".join(str(value.result["path"]).split("/")[:3])


def _frame_rows(value: Value) -> Iterator[Row]:
    from sweep_client.values import read_table

    assert value.path is not None
    table = read_table(value.path, as_frame=False)
    dropped = [name for name in table.column_names if name.startswith("__index_level_")]
    yield from table.drop_columns(dropped).to_pylist()


def _array_rows(name: str, array: Any) -> Iterator[Row]:
    if array.ndim == 1:
        for item in array.tolist():
            yield {name: item}
        return
    for line in array.reshape(len(array), -1).tolist():
        yield {f"{name}_{position}": item for position, item in enumerate(line)}


def _plain_rows(name: str, content: Any) -> Iterator[Row]:
    if isinstance(content, dict):
        yield {str(part): item for part, item in content.items()}
    elif isinstance(content, list | tuple) and content:
        for item in content:
            yield (
                {str(part): value for part, value in item.items()} if isinstance(item, dict) else {name: item}
            )
    elif not isinstance(content, list | tuple):
        yield {name: content}


def _array(values: list[Any]) -> Any:
    import pyarrow

    plain = [_scalar(value) for value in values]
    try:
        return pyarrow.array(plain)
    except (pyarrow.ArrowException, TypeError):
        return pyarrow.array([None if value is None else _text(value) for value in values])


def _scalar(value: Any) -> Any:
    return value.item() if type(value).__module__ == "numpy" else value


def _json(value: Any) -> Any:
    encoded = encode(_scalar(value))
    return encoded["value"] if isinstance(encoded, dict) and set(encoded) == {"$type", "value"} else encoded


def _text(value: Any) -> str:
    plain = _scalar(value)
    if plain is None:
        return ""
    if isinstance(plain, str):
        return plain
    if isinstance(plain, list | dict | tuple | set):
        return canonical(_json(plain))
    return str(plain)
