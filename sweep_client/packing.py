"""How many workers a sweep deserves: from what is pending and how long variants have taken so far."""

from __future__ import annotations

import math

from sweep_client.directory import Directory
from sweep_client.plan import read_plan

# A worker that has less than this to do costs more to start than it saves.
LEAST_SECONDS_PER_WORKER = 1.0


def fitting_workers(
    pending: int, mean_seconds: float | None, most: int, least: float = LEAST_SECONDS_PER_WORKER
) -> int:
    """Say how many workers to start, at most ``most``; before anything was measured, one per variant.

    >>> fitting_workers(10_000, 0.02, 8), fitting_workers(10, 0.02, 8), fitting_workers(3, None, 8)
    (8, 1, 3)
    """
    if pending == 0:
        return 0
    fitting = pending if mean_seconds is None else math.ceil(pending * mean_seconds / least)
    return max(1, min(pending, fitting, most))


def most_cpus(directory: Directory) -> int:
    """Give the largest ``@cpus`` of a sweep's plan."""
    plan = directory.root / directory.read_sweep().plan
    if b'"cpus"' not in plan.read_bytes():
        return 1
    return max(int(planned.resources.get("cpus", 1)) for planned in read_plan(plan))
