from __future__ import annotations

import datetime
import decimal
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_client.encoding import canonical, decode, encode, to_source

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.binary(),
    st.decimals(allow_nan=False),
    st.complex_numbers(allow_nan=False, allow_infinity=False),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=6), inner, max_size=4),
        st.dictionaries(st.integers(), inner, max_size=3),
    ),
    max_leaves=10,
)


@given(values)
def test_every_value_comes_back_with_its_type_through_json(value: Any) -> None:
    back = decode(json.loads(json.dumps(encode(value))))
    assert back == value
    assert type(back) is type(value)


@given(values)
def test_the_source_of_a_value_makes_the_value(value: Any) -> None:
    made = eval(to_source(value))
    assert made == value
    assert type(made) is type(value)


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_canonical_text_does_not_depend_on_the_order_of_members(content: dict[str, int]) -> None:
    assert canonical(encode(content)) == canonical(encode(dict(reversed(content.items()))))


def test_a_dictionary_that_looks_like_a_tag_is_kept() -> None:
    value = {"$type": "float", "value": "nan"}
    assert decode(encode(value)) == value


@pytest.mark.parametrize("special", ["nan", "inf", "-inf"])
def test_special_floats_are_kept(special: str) -> None:
    for made in (decode(encode(float(special))), eval(to_source(float(special)))):
        assert repr(made) == special


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5), np.int64(-3), np.bool_(False), np.uint8(255), np.datetime64("2026-01-31"),
        np.datetime64("2026-01-31T12:00:00.000000001"), np.timedelta64(90, "s"), np.complex128(1 + 2j), np.float64("inf"),
    ],
)  # fmt: skip
def test_numpy_scalars_arrive_as_themselves(value: Any) -> None:
    for made in (decode(json.loads(json.dumps(encode(value)))), eval(to_source(value))):
        assert made == value
        assert made.dtype == value.dtype


def test_numpy_texts_arrive_as_texts() -> None:
    assert decode(encode(np.str_("007"))) == eval(to_source(np.str_("007"))) == "007"


def test_numpy_nan_stays_numpy_nan() -> None:
    made = decode(encode(np.float32("nan")))
    assert math.isnan(made)
    assert made.dtype == np.float32


def test_sets_and_durations_come_back() -> None:
    value: Any = ({3, 1, 2}, datetime.timedelta(days=1, seconds=2), decimal.Decimal("1.10"), set())
    assert decode(encode(value)) == value
    assert eval(to_source(value)) == value


def test_pandas_missing_and_times_arrive_as_what_notebooks_expect() -> None:
    import pandas as pd

    assert encode(pd.NA) is None
    assert decode(encode(pd.Timestamp("2026-01-31 12:00"))) == datetime.datetime(2026, 1, 31, 12)
    assert np.isnat(decode(encode(pd.NaT)))


def test_an_object_without_a_text_form_is_refused() -> None:
    with pytest.raises(TypeError, match="has no safe text form"):
        encode(object())


def test_a_tag_of_a_newer_version_is_refused() -> None:
    with pytest.raises(ValueError, match="upgrade this one"):
        decode({"$type": "quaternion", "value": 1})
