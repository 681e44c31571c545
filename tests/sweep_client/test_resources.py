from __future__ import annotations

from typing import Any

import pytest

from sweep_client.errors import ResourceError
from sweep_client.resources import parse_memory, parse_resource, parse_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512M", 512 << 20),
        ("2GiB", 2 << 30),
        ("1.5g", 3 << 29),
        (1024, 1024),
        ("10kB", 10240),
        ("1T", 1 << 40),
    ],
)
def test_memory_is_read(text: Any, expected: int) -> None:
    assert parse_memory(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("15m", 900),
        ("2h", 7200),
        ("01:30:00", 5400),
        ("1-00:00:00", 86400),
        ("0:30", 1800),
        (5, 5),
        ("1.5min", 90),
    ],
)
def test_times_are_read(text: Any, expected: float) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("memory", "much"), ("time", "late"), ("time", "5 parsecs"), ("cpus", "two"), ("gpus", 1.5)],
)
def test_what_means_nothing_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ResourceError):
        parse_resource(name, value)


def test_other_words_are_for_the_executor() -> None:
    assert parse_resource("partition", "long") == "long"
