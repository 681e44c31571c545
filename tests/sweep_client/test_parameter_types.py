from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_client.parameter_types import NotThisType, ParameterType, check, from_text, guess, read_parameters

SOURCE = """
import datetime
rate: float = 0.05  # per year
count: int
name = "x"
flag = True
names: list[str] = []
table: dict[str, float] = {}
maybe: int | None = None
other: "Optional[float]" = None
day: datetime.date = datetime.date(2026, 1, 1)
moment = datetime.datetime(2026, 1, 1)
free = object()
nothing = None
first = second = 3
mixed: int | str = 1
anything: Any = 1
odd: set[int] = set()
"""


def test_types_defaults_and_help_are_read_from_the_cell() -> None:
    found = {parameter.name: parameter for parameter in read_parameters(SOURCE)}
    types = {name: str(parameter.type) for name, parameter in found.items()}
    assert types == {
        "rate": "float", "count": "int", "name": "str", "flag": "bool", "names": "list[str]", "table": "dict[float]",
        "maybe": "int | None", "other": "float | None", "day": "date", "moment": "datetime", "free": "any",
        "nothing": "any", "first": "int", "second": "int", "mixed": "any", "anything": "any", "odd": "any",
    }  # fmt: skip
    assert found["rate"].default == "0.05"
    assert found["rate"].help == "per year"
    assert found["count"].default is None


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("str", "007", "007"), ("str", "", ""), ("str", " x ", " x "), ("int", "007", 7), ("int", "-3", -3), ("float", "1", 1.0),
        ("float", "1e-3", 0.001), ("bool", "True", True), ("bool", "no", False), ("date", "2026-01-31", datetime.date(2026, 1, 31)),
        ("datetime", "2026-01-31 12:00", datetime.datetime(2026, 1, 31, 12)), ("list", "[1, 2]", [1, 2]), ("list", "(1, 2)", [1, 2]),
        ("dict", '{"a": 1}', {"a": 1}), ("dict", "{'a': None}", {"a": None}), ("any", "007", "007"), ("any", "7", 7),
        ("any", "0.5", 0.5), ("any", "true", True), ("any", "None", None), ("any", "1_000", "1_000"), ("none", "", None),
    ],
)  # fmt: skip
def test_a_text_becomes_a_value_of_its_type(kind: str, text: str, value: Any) -> None:
    made = from_text(ParameterType(kind), text)
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", "3.5"), ("int", "x"), ("int", "1_000"), ("float", "1,5"), ("float", "1_0"), ("bool", "maybe"), ("date", "31.1.2026"),
        ("datetime", "noon"), ("list", "1"), ("dict", "[1]"), ("list", "[1"),
    ],
)  # fmt: skip
def test_a_text_of_another_type_is_refused(kind: str, text: str) -> None:
    with pytest.raises(NotThisType, match="is not"):
        from_text(ParameterType(kind), text)


def test_a_fraction_for_a_whole_number_says_how_to_allow_it() -> None:
    with pytest.raises(NotThisType, match="annotate it as float"):
        from_text(ParameterType("int"), "3.5")


def test_nan_and_empty_are_told_apart() -> None:
    maybe = ParameterType("float", optional=True)
    assert math.isnan(from_text(maybe, "nan"))
    assert from_text(maybe, "") is None


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("float", 1, 1.0), ("int", 2.0, 2), ("int", np.int64(3), np.int64(3)), ("float", np.float32(1), np.float32(1)),
        ("bool", np.bool_(True), np.bool_(True)), ("date", "2026-01-31", datetime.date(2026, 1, 31)), ("any", object, object),
        ("datetime", datetime.date(2026, 1, 31), datetime.datetime(2026, 1, 31)), ("none", 5, 5), ("list", (1, 2), (1, 2)),
    ],
)  # fmt: skip
def test_a_value_of_the_type_is_taken(kind: str, value: Any, expected: Any) -> None:
    assert check(ParameterType(kind), value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", True),
        ("int", 1.5),
        ("int", "1"),
        ("float", "1"),
        ("float", True),
        ("str", 1),
        ("bool", 1),
        ("date", datetime.datetime.now()),
        ("dict", []),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(NotThisType):
        check(ParameterType(kind), value)


def test_items_of_a_list_are_checked() -> None:
    kind = ParameterType("list", item="float")
    assert check(kind, [1.0, float("nan"), 2]) is not None
    with pytest.raises(NotThisType):
        check(kind, ["x"])


def test_none_needs_an_optional_parameter() -> None:
    assert check(ParameterType("int", optional=True), None) is None
    with pytest.raises(NotThisType):
        check(ParameterType("int"), None)


@given(st.integers())
def test_whole_numbers_written_as_text_are_guessed_back(number: int) -> None:
    assert guess(str(number)) == number


@given(st.floats(allow_nan=False))
def test_floats_written_as_text_come_back(number: float) -> None:
    assert from_text(ParameterType("float"), repr(number)) == number


@given(st.text())
def test_a_text_stays_as_it_is(text: str) -> None:
    assert from_text(ParameterType("str"), text) == text
