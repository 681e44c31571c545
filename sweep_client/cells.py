"""What every part asks a cell of a notebook: its source and its tags."""

from __future__ import annotations

from typing import Any

Cell = dict[str, Any]


def source(cell: Cell) -> str:
    """Give a cell's source as one text."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def tags(cell: Cell) -> list[str]:
    """Give a cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))
