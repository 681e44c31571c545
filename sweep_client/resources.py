"""What a variant may use: cpus, memory, time and what an executor adds, from options and ``@`` columns.

The words are the same for every executor, which maps them to its own.
"""

from __future__ import annotations

import re
from typing import Any

from sweep_client.errors import ResourceError

MEMORY_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
TIME_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
KNOWN = ("cpus", "memory", "time", "gpus", "partition", "account", "qos", "constraint", "nodelist")


def parse_resource(name: str, value: Any) -> Any:
    """Give the value of one resource: bytes for memory, seconds for time, a whole number for cpus and gpus.

    >>> parse_resource("memory", "2G"), parse_resource("time", "15m")
    (2147483648, 900.0)
    """
    if name not in KNOWN:
        raise ResourceError(f"unknown resource @{name}; known are {', '.join('@' + word for word in KNOWN)}")
    if name == "memory":
        return parse_memory(value)
    if name == "time":
        return parse_time(value)
    if name in ("cpus", "gpus"):
        return _parse_count(name, value)
    return str(value)


def parse_memory(value: Any) -> int:
    """Read bytes from a number or a text such as ``512M`` or ``2GiB``."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", str(value), re.IGNORECASE)
    if match is None:
        raise ResourceError(f"{value!r} is no amount of memory; write 512M or 2G")
    return int(float(match[1]) * MEMORY_UNITS[match[2].upper()])


def parse_time(value: Any) -> float:
    """Read seconds from a number or a text such as ``90``, ``15m`` or ``01:30:00``."""
    text = str(value).strip()
    if re.fullmatch(r"(\d+-)?\d+:\d\d(:\d\d)?", text):
        days, _, clock = text.rpartition("-")
        hours, minutes, seconds = ([int(part) for part in clock.split(":")] + [0])[:3]
        return float(int(days or 0) * 86400 + hours * 3600 + minutes * 60 + seconds)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text)
    if match is None or match[2] not in TIME_UNITS:
        raise ResourceError(f"{value!r} is no time; write 90s, 15m, 2h or 01:30:00")
    return float(match[1]) * TIME_UNITS[match[2]]


def _parse_count(name: str, value: Any) -> int:
    if not re.fullmatch(r"\d+", str(value).strip()):
        raise ResourceError(f"{value!r} is no number of {name}; write a whole number")
    return int(value)
