"""The figures at the head of a report: counts, progress, duration, rate, and where the sweep ran."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sweep_client.results import STATES, Variant


@dataclass(slots=True)
class Summary:
    """Takes variants one by one and gives figures about all of them."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    peak_memory: int = 0
    retried: int = 0
    hosts: set[str] = field(default_factory=set)
    engines: set[str] = field(default_factory=set)
    first: str | None = None
    last: str | None = None

    def add(self, variant: Variant) -> None:
        """Take a variant."""
        self.counts[variant.state] += 1
        record = variant.record or {}
        self.seconds += record.get("seconds") or 0.0
        self.peak_memory = max(self.peak_memory, record.get("peak_memory_bytes") or 0)
        self.retried += variant.state == "done" and record.get("number", 1) > 1
        self.hosts |= {str(record["host"])} if record.get("host") else set()
        self.engines |= {str(record["engine"])} if record.get("engine") else set()
        times = [
            time for time in (record.get("started"), record.get("finished"), self.first, self.last) if time
        ]
        self.first, self.last = min(times, default=None), max(times, default=None)

    @property
    def total(self) -> int:
        """All variants."""
        return self.counts.total()

    @property
    def finished(self) -> int:
        """Those that will not change any more."""
        return self.counts["done"] + self.counts["failed"]

    @property
    def duration(self) -> float:
        """Seconds from the first start to the last end."""
        if not self.first or not self.last:
            return 0.0
        return (_time(self.last) - _time(self.first)).total_seconds()

    @property
    def rate(self) -> float:
        """Finished variants per second; 0 where it cannot be told."""
        return self.finished / self.duration if self.duration > 0 else 0.0

    @property
    def shares(self) -> list[tuple[str, int, float]]:
        """Each state with its count and its percentage."""
        return [
            (state, self.counts[state], 100 * self.counts[state] / max(self.total, 1)) for state in STATES
        ]

    def facts(self) -> list[tuple[str, str]]:
        """Name and text of each figure that is known."""
        left = self.total - self.finished
        eta = duration_text(left / self.rate) if self.rate and left else ""
        facts = [
            ("Duration", duration_text(self.duration) if self.first else ""),
            ("Rate", rate_text(self.rate)),
            ("Time left", eta),
            ("Computing time", duration_text(self.seconds) if self.seconds else ""),
            ("Peak memory", f"{self.peak_memory / 2**20:,.0f} MiB" if self.peak_memory else ""),
            ("Retried", f"{self.retried:,}" if self.retried else ""),
        ]
        return [(name, text) for name, text in facts if text]


def duration_text(seconds: float) -> str:
    """Give a duration as people say it.

    >>> duration_text(0.25), duration_text(75), duration_text(7260)
    ('0.25 s', '1 min 15 s', '2 h 01 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def rate_text(rate: float) -> str:
    """Give a rate in the unit that suits it, empty where it is 0.

    >>> rate_text(12.3), rate_text(0.05)
    ('12 / s', '3 / min')
    """
    for unit, factor in (("s", 1), ("min", 60), ("h", 3600)):
        if rate * factor >= 1:
            return (
                f"{rate * factor:,.0f} / {unit}" if rate * factor >= 10 else f"{rate * factor:.2g} / {unit}"
            )
    return f"{rate * 86400:.2g} / day" if rate else ""


def _time(text: Any) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.datetime.fromtimestamp(0, datetime.UTC)
