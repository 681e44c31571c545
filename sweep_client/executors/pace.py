"""How often a question is asked: at once, then the seldomer the longer it goes on."""

from __future__ import annotations

import time


class Pace:
    """Says when a question is due: after a ``fraction``-th of the time since the first, within bounds."""

    def __init__(self, fraction: float, shortest: float, longest: float) -> None:
        self._fraction = fraction
        self._shortest = shortest
        self._longest = longest
        self.restart()

    def restart(self) -> None:
        """Begin anew: the next question is due at once."""
        self._first: float | None = None
        self._next = 0.0

    def is_due(self) -> bool:
        """Say whether to ask now; if so, the next question is due later."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._first = now if self._first is None else self._first
        self._next = now + min(self._longest, max(self._shortest, (now - self._first) / self._fraction))
        return True
