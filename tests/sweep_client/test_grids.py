from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_client.errors import ParameterError
from sweep_client.grids import axis_values, expand, grid, parse_axis


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("r=0.01:0.05:0.01", [0.01, 0.02, 0.03, 0.04, 0.05]), ("n=1:3", [1, 2, 3]), ("n=10:0:-5", [10, 5, 0]), ("n=1:2:0.5", [1.0, 1.5, 2.0]),
        ('m=["a","b"]', ["a", "b"]), ("m=a,b", ["a", "b"]), ("m=[1, null]", [1, None]),
    ],
)  # fmt: skip
def test_an_axis_is_read(text: str, expected: list[Any]) -> None:
    assert parse_axis(text)[1] == expected


@pytest.mark.parametrize("text", ["n", "=1", "n=1:0:1", "n=0:1:0", "n=[1"])
def test_an_axis_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="grid"):
        parse_axis(text)


def test_zipped_axes_must_be_of_one_length() -> None:
    with pytest.raises(ParameterError, match="same length"):
        list(expand({}, {"a": [1], "b": [1, 2]}))


@given(st.dictionaries(st.text(min_size=1), st.lists(st.integers(), max_size=3), max_size=3))
def test_a_product_has_every_combination(axes: dict[str, list[int]]) -> None:
    expected = 1
    for values in axes.values():
        expected *= len(values)
    assert len(list(expand(axes))) == expected


def test_rows_are_multiplied_by_the_grid() -> None:
    found = list(expand({"a": "1:2"}, None, [{"b": 1}, {"b": 2}]))
    assert found == [{"b": 1, "a": 1}, {"b": 1, "a": 2}, {"b": 2, "a": 1}, {"b": 2, "a": 2}]


def test_python_users_give_axes_by_name() -> None:
    assert grid(a=[1, 2], zip={"b": [3], "c": [4]}) == [{"a": 1, "b": 3, "c": 4}, {"a": 2, "b": 3, "c": 4}]
    assert axis_values("a", range(2)) == [0, 1]
