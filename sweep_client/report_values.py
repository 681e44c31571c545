"""Encoded values as the report shows them: a number, a short text, or None where there is nothing."""

from __future__ import annotations

import math
from typing import Any

from sweep_client.encoding import TAG

TEXT_LIMIT = 160
EXACT_INTEGER = 2**53
MEMBER_LIMIT = 24
Shown = float | int | str | None


def shown(value: Any) -> Shown:
    """Give an encoded value as a number or as a text of bounded length.

    >>> shown(1.5), shown([1, None]), shown({"$type": "date", "value": "2026-01-31"})
    (1.5, '[1, None]', '2026-01-31')
    """
    if isinstance(value, dict) and value.get(TAG) == "numpy":
        return shown(value["value"])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    if isinstance(value, dict) and value.get(TAG) == "decimal":
        return _number(float(value["value"]))
    return shortened(value if isinstance(value, str) else text(value))


def text(value: Any) -> str:
    """Give an encoded value as Python would print it, without tags."""
    if isinstance(value, list):
        return f"[{_joined(value)}]"
    if isinstance(value, dict):
        return _tagged_text(value) if TAG in value else _dict_text(list(value.items()))
    return repr(value)


def shortened(content: str, limit: int = TEXT_LIMIT) -> str:
    """Give a text that is no longer than ``limit``."""
    return content if len(content) <= limit else content[: limit - 1] + "…"


def result_members(result: dict[str, Any]) -> list[tuple[str, Shown]]:
    """Give what the table shows of one result; a dictionary of plain values becomes a column for each.

    >>> result_members({"name": "greeks", "kind": "json", "value": {"delta": 0.5, "gamma": 0.1}})
    [('greeks.delta', 0.5), ('greeks.gamma', 0.1)]
    """
    name = str(result.get("name"))
    value: Any = result.get("value")
    if _is_flat(value):
        return [
            (f"{name}.{member}", shown(content)) for member, content in list(value.items())[:MEMBER_LIMIT]
        ]
    return [(name, _result(result))]


def _result(result: dict[str, Any]) -> Shown:
    kind = result.get("kind")
    if kind == "json" and "value" in result:
        return shown(result["value"])
    if kind == "table":
        return f"table, {result.get('rows')} by {len(result.get('columns') or [])}"
    if kind == "tensor":
        return f"{result.get('dtype')}, " + " by ".join(str(size) for size in result.get("shape") or [])
    if kind == "unreadable":
        return shortened(f"not saved: {result.get('message')}")
    return None if kind == "none" else f"{result.get('type')}, {result.get('bytes', 0) / 1024:.0f} KiB"


def _number(value: float | int) -> Shown:
    """Numbers that JSON or JavaScript lack become texts."""
    if isinstance(value, int):
        return value if abs(value) <= EXACT_INTEGER else str(value)
    return value if math.isfinite(value) else str(value)


def _is_flat(value: Any) -> bool:
    if not isinstance(value, dict) or TAG in value or not value:
        return False
    return all(
        not isinstance(item, list | dict) or (isinstance(item, dict) and TAG in item)
        for item in value.values()
    )


def _joined(values: list[Any]) -> str:
    return ", ".join(text(item) for item in values)


def _dict_text(items: list[Any]) -> str:
    return "{" + ", ".join(f"{text(name)}: {text(item)}" for name, item in items) + "}"


def _tagged_text(value: dict[str, Any]) -> str:
    tag: str = value[TAG]
    content: Any = value.get("value")
    if tag == "tuple":
        return f"({_joined(content)}{',' if len(content) == 1 else ''})"
    if tag == "set":
        return f"{{{_joined(content)}}}" if content else "set()"
    if tag == "dict":
        return _dict_text(content)
    if tag == "bytes":
        return f"{len(content) * 3 // 4} bytes"
    return text(content) if tag == "numpy" else str(content)
