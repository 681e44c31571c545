"""Failures of a sweep, grouped by the cell and the exception, the largest group first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

EXAMPLES = 100
TEXT_LIMIT = 8000
REASONS = {
    "time": "time limit",
    "memory": "memory limit",
    "processes": "process limit",
    "crash": "crash",
    "kernel": "kernel died",
    "lost": "worker lost",
}
_TERMINAL_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


@dataclass(slots=True)
class FailureGroup:
    """Failures that share their cell and their exception; ``records`` are the first few."""

    reason: str
    cell: int | None
    cell_id: str | None
    exception: str
    records: list[dict[str, Any]] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """How many variants failed so."""
        return self.messages.total()

    @property
    def message(self) -> str:
        """The message that came most often."""
        return self.messages.most_common(1)[0][0] if self.messages else ""

    @property
    def label(self) -> str:
        """What and where, as the table and the filter say it."""
        place = "outside the cells" if self.cell is None else f"in cell {self.cell}"
        return f"{self.exception} {place}"

    @property
    def traceback(self) -> str:
        """The traceback of the first failure, as plain text."""
        lines = [error_of(record).get("traceback") or [] for record in self.records[:1]]
        return plain("\n".join(str(line) for part in lines for line in part))


class FailureGroups:
    """Collects failures one by one."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Any, ...], FailureGroup] = {}

    def add(self, record: dict[str, Any]) -> FailureGroup:
        """Take the record of a failure and give the group it belongs to."""
        error = error_of(record)
        reason, exception = str(error.get("reason", "error")), str(error.get("exception") or "Error")
        identity = (reason, error.get("cell"), exception)
        if identity not in self._groups:
            self._groups[identity] = FailureGroup(reason, error.get("cell"), error.get("cell_id"), exception)
        group = self._groups[identity]
        group.messages[plain(str(error.get("message", "")), 500)] += 1
        if len(group.records) < EXAMPLES:
            group.records.append(record)
        return group

    def ordered(self) -> list[FailureGroup]:
        """Give all groups, the largest first."""
        return sorted(self._groups.values(), key=lambda group: -group.count)


def group_failures(records: Iterable[dict[str, Any]]) -> list[FailureGroup]:
    """Group the records of failed variants.

    >>> error = {"reason": "error", "cell": 3, "exception": "ValueError", "message": "no"}
    >>> [(group.label, group.count) for group in group_failures([{"error": error}, {"error": error}])]
    [('ValueError in cell 3', 2)]
    """
    groups = FailureGroups()
    for record in records:
        groups.add(record)
    return groups.ordered()


def plain(content: str, limit: int = TEXT_LIMIT) -> str:
    """Give a text without terminal codes, and of a long one its end, where the cause stands.

    >>> plain("\\x1b[31mValueError\\x1b[0m: no")
    'ValueError: no'
    """
    content = _TERMINAL_CODES.sub("", content)
    return content if len(content) <= limit else "…" + content[1 - limit :]


def error_of(record: dict[str, Any]) -> dict[str, Any]:
    """Give the error of a record, empty where it has none."""
    error = record.get("error")
    return error if isinstance(error, dict) else {}


def cell_source(cells: list[dict[str, Any]], group: FailureGroup) -> str:
    """Give the source of the cell at which a group failed, empty where it is not known."""
    found = [cell for cell in cells if group.cell_id and cell.get("id") == group.cell_id]
    if not found and group.cell is not None and 0 <= group.cell < len(cells):
        found = [cells[group.cell]]
    source = found[0].get("source", "") if found else ""
    return plain(source if isinstance(source, str) else "".join(source))
