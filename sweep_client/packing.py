"""How many workers a sweep deserves, and of which size: from what is pending and how long variants have taken so far."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep_client.directory import Directory
from sweep_client.errors import ResourceError
from sweep_client.plan import Plan, read_plan

# A worker that has less than this to do costs more to start than it saves.
LEAST_SECONDS_PER_WORKER = 1.0
MOST_GROUPS = 16


@dataclass(frozen=True, slots=True)
class Group:
    """Pending variants that want the same of a machine.

    ``resources`` is what they want apart from time, as text; None where no variant of the sweep says. ``seconds`` is the longest
    time that one of them may take, 0 where none says.
    """

    resources: str | None = None
    pending: int = 0
    seconds: float = 0.0

    @property
    def wanted(self) -> dict[str, Any]:
        """The resources by name."""
        found: dict[str, Any] = json.loads(self.resources or "{}")
        return found


ALL = Group()


def group_of(resources: Mapping[str, Any]) -> str:
    """Give the text by which variants are submitted together: the same resources, whatever their time limits.

    >>> group_of({"memory": 1024, "cpus": 2, "time": 60.0})
    '{"cpus": 2, "memory": 1024}'
    """
    return json.dumps({name: value for name, value in resources.items() if name != "time"}, sort_keys=True)


def pending_groups(directory: Directory) -> list[Group]:
    """Give the pending variants of a sweep by what they want of a machine, in the order of the plan.

    Raises:
        ResourceError: they want too many different things.
    """
    sweep = directory.read_sweep()
    path = directory.root / sweep.plan
    over = directory.over_keys(sweep.options.retries)
    with_resources = b'"resources"' in path.read_bytes()
    counts: dict[str | None, tuple[int, float]] = {}
    plan = Plan(path)
    for index, key in enumerate(plan.keys):
        if key in over:
            continue
        resources = plan[index].resources if with_resources else {}
        name = group_of(resources) if with_resources else None
        count, seconds = counts.get(name, (0, 0.0))
        counts[name] = (count + 1, max(seconds, float(resources.get("time", 0))))
    plan.close()
    if len(counts) > MOST_GROUPS:
        raise ResourceError(
            f"variants ask for {len(counts)} different sets of resources, and at most {MOST_GROUPS} are submitted apart: "
            "round the values of the @ columns"
        )
    return [Group(name, count, seconds) for name, (count, seconds) in counts.items()]


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
