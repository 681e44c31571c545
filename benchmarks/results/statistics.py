"""Medians with intervals that assume nothing of how times are spread, and what may be said of a ratio.

The interval is between order statistics: with n runs, the k-th smallest and k-th largest enclose the true median with
a chance that the binomial distribution gives. Five runs give smallest to largest 94 %; fewer cannot give 90 %.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CHANCE = 0.90
LEAST_RUNS = 5
# Ratios nearer to one than this are called equal; an interval wider than this around one says nothing.
CLOSE = 0.05


@dataclass(frozen=True)
class Interval:
    """A median and the interval around it; `chance` is that of enclosing the true one."""

    median: float
    low: float
    high: float
    chance: float
    runs: int

    def text(self, digits: int = 2) -> str:
        """Such as `0.98 (0.95-1.01, 5 runs)`."""
        if self.runs == 1:
            return f"{self.median:.{digits}f} (1 run)"
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}-{self.high:.{digits}f}, {self.runs} runs)"


def interval(values: Sequence[float]) -> Interval:
    """The median of some values, and the narrowest interval that reaches the wanted chance.

    >>> interval([3, 1, 2, 5, 4])
    Interval(median=3, low=1, high=5, chance=0.9375, runs=5)
    """
    ordered, count = sorted(values), len(values)
    best = 0
    for k in range((count - 1) // 2 + 1):
        if _chance(count, k) >= CHANCE:
            best = k
    chance = max(0.0, _chance(count, best))
    return Interval(statistics.median(ordered), ordered[best], ordered[count - 1 - best], chance, count)


def verdict(ratios: Sequence[float]) -> str:
    """What the ratios of pairs (the first to the second) allow to say, where more is better.

    >>> verdict([1.3, 1.31, 1.29, 1.3, 1.32])
    'better by 30 %'
    >>> verdict([0.7, 1.3, 1.0, 1.2, 0.9])
    'too noisy to say'
    """
    if len(ratios) < LEAST_RUNS:
        return f"too few pairs to say ({len(ratios)} of {LEAST_RUNS})"
    seen = interval(ratios)
    if seen.low > 1 or seen.high < 1:
        better = seen.median > 1
        return f"{'better' if better else 'worse'} by {abs(seen.median - 1) * 100:.0f} %"
    if seen.high - 1 <= CLOSE and 1 - seen.low <= CLOSE:
        return f"equal within {max(seen.high - 1, 1 - seen.low) * 100:.0f} %"
    return "too noisy to say"


def reached(ratios: Sequence[float], least: float) -> bool | None:
    """Whether the true median ratio is at least `least`; None where the interval has it on both sides, or of too few runs."""
    if len(ratios) < LEAST_RUNS:
        return None
    seen = interval(ratios)
    if seen.low >= least:
        return True
    return False if seen.high < least else None


def _chance(count: int, k: int) -> float:
    """The chance that the k-th smallest (from 0) and k-th largest of `count` values enclose the median."""
    tail = sum(math.comb(count, i) for i in range(k + 1)) * 0.5**count
    return 1 - 2 * tail
