"""The table of a report, compact: one list per variant under columns that all share, and the images beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sweep_client.failure_groups import FailureGroup
from sweep_client.report_values import Shown, result_members, shown
from sweep_client.results import STATES, Variant

COLUMN_LIMIT = 200
NO_NUMBER = ("nan", "inf", "-inf", "None")
GROUPS = ("parameter", "result", "run")


@dataclass(frozen=True, slots=True)
class Image:
    """An image result of the row at a position in the table."""

    row: int
    name: str
    path: str


@dataclass(slots=True)
class Rows:
    """Takes variants one by one and gives columns and rows."""

    limit: int
    images: list[Image] = field(default_factory=list)
    _columns: dict[tuple[str, str], int] = field(default_factory=dict)
    _rows: list[list[Shown]] = field(default_factory=list)
    _heads: list[list[Any]] = field(default_factory=list)

    def declare(self, group: str, name: str) -> None:
        """Have a column, in this order, even if nothing stands in it yet."""
        self._place(group, name)

    def add(self, variant: Variant, failure: FailureGroup | None) -> None:
        """Take a variant; after ``limit`` variants it is not listed any more."""
        if len(self._rows) >= self.limit:
            return
        record = variant.record or {}
        self._rows.append([])
        self._heads.append(
            [variant.index, STATES.index(variant.state), variant.key, _attempt(variant.key, record)]
        )
        for name, value in variant.encoded.items():
            self._set("parameter", name, shown(value))
        if variant.state == "done":
            self._add_results(record)
        if failure is not None:
            self._set("run", "failure", failure.label)
        self._add_facts(record)

    def to_json(self) -> dict[str, Any]:
        """Give the columns that hold something, and all rows."""
        order = sorted(self._columns, key=lambda column: (GROUPS.index(column[0]), self._columns[column]))
        places = [self._columns[column] for column in order]
        rows = [[row[place] if place < len(row) else None for place in places] for row in self._rows]
        kinds = [_kind([row[position] for row in rows]) for position in range(len(order))]
        kept = [
            position for position, (group, _) in enumerate(order) if kinds[position] or group == "parameter"
        ]
        return {
            "columns": [
                [order[position][0], order[position][1], kinds[position] or "text"] for position in kept
            ],
            "heads": self._heads,
            "rows": [[row[position] for position in kept] for row in rows],
        }

    def _add_results(self, record: dict[str, Any]) -> None:
        for result in record.get("results", []):
            if result.get("kind") == "image":
                self.images.append(Image(len(self._rows) - 1, str(result["name"]), str(result["path"])))
                continue
            for name, value in result_members(result):
                self._set("result", name, value)

    def _add_facts(self, record: dict[str, Any]) -> None:
        memory = record.get("peak_memory_bytes")
        self._set("run", "time / s", record.get("seconds"))
        self._set("run", "memory / MiB", round(memory / 2**20, 1) if memory else None)
        if record.get("number", 1) > 1:
            self._set("run", "attempt", record["number"])

    def _place(self, group: str, name: str) -> int | None:
        if (group, name) not in self._columns and len(self._columns) >= COLUMN_LIMIT:
            return None
        return self._columns.setdefault((group, name), len(self._columns))

    def _set(self, group: str, name: str, value: Shown) -> None:
        place = self._place(group, name)
        if place is None or value is None:
            return
        row = self._rows[-1]
        row.extend([None] * (place + 1 - len(row)))
        row[place] = value


def _attempt(key: str, record: dict[str, Any]) -> str | None:
    """Give the attempt's name, from which the page makes the notebook's path; the path where it is another one."""
    notebook, attempt = record.get("notebook"), record.get("attempt")
    usual = f"variants/{key[:2]}/{key}/{attempt}/notebook.ipynb"
    return str(attempt) if notebook == usual else notebook


def _kind(values: list[Shown]) -> str | None:
    """Tell whether a column holds numbers or texts, None where it holds nothing."""
    present = [value for value in values if value is not None]
    if not present:
        return None
    numbers = any(not isinstance(value, str) for value in present)
    return "number" if numbers and all(not isinstance(v, str) or v in NO_NUMBER for v in present) else "text"
