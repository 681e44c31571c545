"""Rows of parameters from files and Python objects: CSV, JSON, JSON Lines, YAML, Parquet, frames, dictionaries.

Rows are given one by one, so that a table of any length costs little memory. Types are the business of
``parameters``: a text from a CSV file arrives as ``Text``, anything else as it is.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep_client.errors import ParameterError
from sweep_client.grids import expand


class Text(str):
    """A text whose type the template decides."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, and where it stands for a reader of an error message."""

    label: str
    values: dict[str, Any]


def read_rows(source: Any) -> Iterator[Row]:
    """Give the rows of a file (a path) or of a Python object (rows, a frame, an Arrow table).

    Raises:
        ParameterError: the file cannot be read or has no rows in it.
    """
    if isinstance(source, str | Path):
        return _read_file(Path(source))
    if isinstance(source, dict):
        return _from_structure(source, "the parameters")
    if hasattr(source, "to_batches"):
        return _from_batches(source.to_batches())
    if hasattr(source, "to_dict") and hasattr(source, "columns"):
        return _from_frame(source)
    if isinstance(source, Iterable):
        return _from_list(source, "set")
    raise ParameterError(f"parameters cannot be a {type(source).__name__}: give a path, rows or a frame")


def _read_file(path: Path) -> Iterator[Row]:
    suffix = path.suffix.lower()
    if suffix not in _FILES:
        known = ", ".join(sorted(_FILES))
        raise ParameterError(
            f"{path}: parameters are read from {known}, not {suffix or 'a file without suffix'}"
        )
    if not path.is_file():
        raise ParameterError(f"{path}: there is no such parameter file")
    return _FILES[suffix](path)


def _read_csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield from _csv_rows(path, file)
        except UnicodeDecodeError as error:
            raise ParameterError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8") from None


def _csv_rows(path: Path, file: Any) -> Iterator[Row]:
    head = file.readline()
    file.seek(0)
    delimiter = max(",;\t", key=head.count) if path.suffix != ".tsv" else "\t"
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(reader, [])]
    _check_header(path, names)
    try:
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(names):
                message = (
                    f"{path}: line {reader.line_num} has {len(fields)} fields, the header has {len(names)}"
                )
                raise ParameterError(message)
            yield Row(f"line {reader.line_num}", dict(zip(names, map(Text, fields), strict=True)))
    except csv.Error as error:
        raise ParameterError(f"{path}: line {reader.line_num}: {error}") from None


def _check_header(path: Path, names: list[str]) -> None:
    if not names:
        raise ParameterError(f"{path}: empty; its first line must name the columns")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        what = f"the column {twice[0]!r} stands twice" if twice and twice != [""] else "a column has no name"
        raise ParameterError(f"{path}: {what} in the first line")


def _read_json(path: Path) -> Iterator[Row]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ParameterError(f"{path}: invalid JSON: {error}") from None
    return _from_structure(content, str(path))


def _read_json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except ValueError as error:
                raise ParameterError(f"{path}: line {number}: invalid JSON: {error}") from None
            yield _row(values, f"line {number}")


def _read_yaml(path: Path) -> Iterator[Row]:
    return _from_structure(load_yaml(path.read_text(encoding="utf-8-sig"), str(path)), str(path))


def load_yaml(text: str, name: str) -> Any:
    """Read YAML, safely; ``name`` is what an error message calls it."""
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        raise ParameterError(f"{name}: invalid YAML: {error}") from None


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowException as error:
        raise ParameterError(f"{path}: not a Parquet file: {error}") from None
    return _from_batches(file.iter_batches(batch_size=1000))


def _from_batches(batches: Iterable[Any]) -> Iterator[Row]:
    number = 0
    for batch in batches:
        for values in batch.to_pylist():
            number += 1
            yield Row(f"row {number}", values)


def _from_frame(frame: Any) -> Iterator[Row]:
    names = [str(name) for name in frame.columns]
    for number, values in enumerate(frame.itertuples(index=False, name=None), 1):
        yield Row(f"row {number}", dict(zip(names, values, strict=True)))


def _from_list(rows: Iterable[Any], word: str) -> Iterator[Row]:
    for number, values in enumerate(rows, 1):
        yield _row(values, f"{word} {number}")


def _from_structure(content: Any, name: str) -> Iterator[Row]:
    if isinstance(content, list):
        return _from_list(content, "set")
    if isinstance(content, dict) and content and set(content) <= {"grid", "zip", "rows"}:
        return _from_list(expand(content.get("grid"), content.get("zip"), content.get("rows")), "set")
    if isinstance(content, dict):
        return iter([_row(content, "set 1")])
    raise ParameterError(f"{name}: must hold a list of sets, one set, or the members grid, zip, rows")


def _row(values: Any, label: str) -> Row:
    if not isinstance(values, dict):
        raise ParameterError(f"{label}: must be names with values, not {values!r}")
    return Row(label, {str(name): value for name, value in values.items()})


_FILES: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
    ".parquet": _read_parquet,
}
