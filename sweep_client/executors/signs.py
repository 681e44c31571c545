"""What the results directory itself tells about a job, which costs no question to a scheduler."""

from __future__ import annotations

from collections.abc import Iterable

from sweep_client.directory import Directory
from sweep_client.files import read_json
from sweep_client.leases import Observer
from sweep_client.plan import Plan

# How long a worker may be silent before it counts as dead here; workers themselves judge leases by the sweep's options.
LEASE_SECONDS = 60.0


def worker_states(directory: Directory, job: str) -> list[str]:
    """Give what the workers say whose job begins with ``job``."""
    contents = [read_json(path) or {} for path in directory.workers.glob("*.json")]
    return [content.get("state", "") for content in contents if str(content.get("job", "")).startswith(job)]


def has_ended(directory: Directory, job: str, count: int) -> bool:
    """Say whether all ``count`` workers of a job have said good-bye."""
    states = worker_states(directory, job)
    return len(states) >= count and set(states) == {"ended"}


def is_superfluous(directory: Directory, job: str, observer: Observer) -> bool:
    """Say whether a job has workers that wait in the queue, or died, while nothing is left to do."""
    if not worker_states(directory, job) or living_workers(directory, job, observer):
        return False
    return is_over(directory)


def living_workers(directory: Directory, job: str, observer: Observer) -> int:
    """Count the workers of a job that live, as their heartbeats show."""
    contents = [read_json(path) or {} for path in directory.workers.glob("*.json")]
    own = [content["worker"] for content in contents if str(content.get("job", "")).startswith(job)]
    # Each is looked at, since an observer learns by looking.
    return sum([observer.is_alive(worker) for worker in own])


def has_other_workers(directory: Directory, jobs: Iterable[str], observer: Observer) -> bool:
    """Say whether workers live that belong to none of ``jobs``: somebody's on another machine."""
    own = tuple(jobs)
    contents = [read_json(path) or {} for path in directory.workers.glob("*.json")]
    workers = [content for content in contents if content.get("role") == "worker"]
    others = [content["worker"] for content in workers if not str(content.get("job", "")).startswith(own)]
    return any([observer.is_alive(worker) for worker in others])


def is_over(directory: Directory, *, wholly: bool = False) -> bool:
    """Say whether every variant has ended; ``wholly`` where failures do not count."""
    sweep = directory.read_sweep()
    plan = Plan(directory.root / sweep.plan)
    plan.close()
    over = directory.done_keys() if wholly else directory.over_keys(sweep.options.retries)
    return over.issuperset(plan.keys)
