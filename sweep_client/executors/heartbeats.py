"""What the workers of a job say about themselves in the results directory, which costs no question to a scheduler."""

from __future__ import annotations

from sweep_client.directory import Directory
from sweep_client.files import read_json


def workers_ended(directory: Directory, job: str, count: int) -> bool:
    """Say whether all ``count`` workers whose job begins with ``job`` have started and ended by themselves."""
    ended = 0
    for path in directory.workers.glob("*.json"):
        content = read_json(path) or {}
        if not str(content.get("job", "")).startswith(job):
            continue
        if content.get("state") != "ended":
            return False
        ended += 1
    return ended >= count
