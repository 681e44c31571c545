"""How far a sweep is: counts, rate and time left, kept up to date from journals."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from sweep_client.results import Results


class Progress:
    """The progress of a sweep; costs the same for ten variants and for a hundred thousand."""

    def __init__(self, counts: dict[str, int], results: Results) -> None:
        self.total = sum(counts.values())
        self.done = counts["done"]
        self.failed = counts["failed"]
        self.lost = 0
        self.retries = results.sweep.options.retries
        self.groups: Counter[tuple[int | None, str, str]] = Counter()
        self.notes: list[str] = []
        self._at_start = self.ended
        self._since = time.monotonic()

    @property
    def ended(self) -> int:
        """How many variants have ended."""
        return self.done + self.failed

    @property
    def rate(self) -> float:
        """Variants per second since this view began."""
        seconds = time.monotonic() - self._since
        return (self.ended - self._at_start) / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end, at this rate."""
        return (self.total - self.ended) / self.rate if self.rate > 0 else None

    def is_over(self) -> bool:
        """Say whether all variants have ended."""
        return self.ended >= self.total

    def take(self, lines: Iterable[dict[str, Any]]) -> None:
        """Take lines of journals."""
        for line in lines:
            if line["event"] == "done":
                self.done += 1
            elif line["event"] == "failed":
                self._take_failure(line["record"])
            elif line["event"] == "lost":
                self.lost += 1
            self._take_notes(line.get("record", {}).get("notes", []))

    def correct(self, counts: dict[str, int]) -> None:
        """Take the truth, counted from the files."""
        self.done, self.failed = counts["done"], counts["failed"]
        self.total = sum(counts.values())

    def _take_failure(self, record: dict[str, Any]) -> None:
        if record["number"] <= self.retries:
            return
        self.failed += 1
        error = record["error"]
        first_line = (error["message"].splitlines() or [""])[0]
        self.groups[error["cell"], error["exception"], first_line] += 1

    def _take_notes(self, notes: list[str]) -> None:
        self.notes.extend(note for note in notes if note not in self.notes)
