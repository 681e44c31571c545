"""Grids: products, zips and ranges of values, from the command line, a file or Python."""

from __future__ import annotations

import decimal
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sweep_client.errors import ParameterError

Axes = Mapping[str, Iterable[Any] | str]


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """Read ``name=values``: a JSON list, a range ``start:stop[:step]`` with both ends, or values between commas.

    >>> parse_axis("rate=0.01:0.03:0.01")
    ('rate', [0.01, 0.02, 0.03])
    >>> parse_axis('model=["a","b"]')
    ('model', ['a', 'b'])
    """
    name, equals, values = text.partition("=")
    if not equals or not name.strip():
        raise ParameterError(f"grid {text!r}: write name=values, such as rate=0.01:0.05:0.01 or model=a,b")
    return name.strip(), axis_values(name.strip(), values.strip())


def axis_values(name: str, values: Any) -> list[Any]:
    """Give the values of one axis, which may be a text as on the command line."""
    if not isinstance(values, str):
        return list(values)
    if values.startswith("["):
        return _json_list(name, values)
    parts = values.split(":")
    if len(parts) in (2, 3) and all(_is_number(part) for part in parts):
        return _range(name, parts)
    from sweep_client.parameter_files import Text

    return [Text(part.strip()) for part in values.split(",")]


def expand(
    grid: Axes | None = None, zipped: Axes | None = None, rows: Any = None
) -> Iterator[dict[str, Any]]:
    """Give every combination of the product of ``grid``, the rows of ``zipped`` side by side, and ``rows``.

    >>> list(expand({"a": [1, 2]}, {"b": [3, 4], "c": [5, 6]}))[:2]
    [{'a': 1, 'b': 3, 'c': 5}, {'a': 1, 'b': 4, 'c': 6}]
    """
    factors: list[list[dict[str, Any]]] = []
    if rows is not None:
        factors.append([dict(row) for row in rows])
    for name, values in (grid or {}).items():
        factors.append([{name: value} for value in axis_values(name, values)])
    if zipped:
        factors.append(_zip(zipped))
    for combination in itertools.product(*factors):
        yield {name: value for part in combination for name, value in part.items()}


def grid(*, zip: Axes | None = None, **axes: Iterable[Any] | str) -> list[dict[str, Any]]:
    """Give every combination of the axes; those in ``zip`` go side by side.

    >>> len(grid(rate="0.01:0.05:0.01", model=["a", "b"]))
    10
    """
    return list(expand(axes, zip))


def _zip(axes: Axes) -> list[dict[str, Any]]:
    columns = {name: axis_values(name, values) for name, values in axes.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ParameterError(f"zip: all must have the same length, not {lengths}")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _json_list(name: str, text: str) -> list[Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ParameterError(f"grid {name!r}: invalid JSON list {text!r}: {error}") from None
    return list(values)


def _is_number(text: str) -> bool:
    try:
        return decimal.Decimal(text).is_finite()
    except decimal.InvalidOperation:
        return False


def _range(name: str, parts: list[str]) -> list[Any]:
    start, stop, *rest = (decimal.Decimal(part) for part in parts)
    step = rest[0] if rest else decimal.Decimal(1)
    if step == 0 or (stop - start) / step < 0:
        raise ParameterError(
            f"grid {name!r}: the range {':'.join(parts)} never ends; check the sign of its step"
        )
    whole = all(
        number == number.to_integral_value() and "." not in str(number) for number in (start, stop, step)
    )
    count = int((stop - start) / step) + 1
    return [int(start + step * i) if whole else float(start + step * i) for i in range(count)]
