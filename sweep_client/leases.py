"""Leases and heartbeats: who executes what, and whether he still lives.

Leases save work; they do not protect results. Publishing does that.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep_client.directory import FORMAT, Directory
from sweep_client.files import create_exclusively, fault_point, read_json, write_json
from sweep_client.times import now


def machine() -> dict[str, Any]:
    """Say which machine and process this is."""
    return {
        "host": socket.gethostname(),
        "boot": _boot(),
        "pid": os.getpid(),
        "start": process_start(os.getpid()),
    }


def new_name() -> str:
    """Make a name for a worker or client that nobody has or will have."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"


def process_start(pid: int) -> int | None:
    """Give the start time of a process in ticks since boot, or None where it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields_after_name = stat.rpartition(")")[2].split()
    return None if fields_after_name[0] == "Z" else int(fields_after_name[19])


class Heartbeat:
    """The heartbeat file of one worker or client."""

    def __init__(self, directory: Directory, name: str, role: str, job: str = "") -> None:
        self._path = directory.workers / f"{name}.json"
        self._content = {"format": FORMAT, "worker": name, "role": role, **machine(), "beat": 0, "job": job}
        self._last = 0.0

    def beat(self, every: float, **facts: Any) -> None:
        """Raise the beat if ``every`` seconds have passed or the state changed."""
        changed = facts.get("state") != self._content.get("state")
        if not changed and time.monotonic() - self._last < every:
            return
        self._last = time.monotonic()
        self._content |= facts
        self._content["beat"] += 1
        self._content["time"] = now()
        write_json(self._path, self._content, sync=False)


@dataclass
class Observer:
    """Judges whether holders live, by watching their beats on its own clock."""

    directory: Directory
    lease_seconds: float
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def is_alive(self, worker: str) -> bool:
        """Say whether a worker lives; one that was never seen to beat gets ``lease_seconds``."""
        content = read_json(self.directory.workers / f"{worker}.json") or {"beat": -1}
        if content.get("state") == "ended":
            return False
        if content.get("host") == socket.gethostname() and content.get("boot") == _boot():
            return bool(process_start(content["pid"]) == content["start"])
        beat, since = self._seen.get(worker, (None, 0.0))
        if beat != content["beat"]:
            self._seen[worker] = (content["beat"], time.monotonic())
            return True
        return time.monotonic() - since < self.lease_seconds


def take(path: Path, worker: str) -> bool:
    """Take a lease; False where someone holds it."""
    taken = create_exclusively(path, _text(worker))
    if taken:
        fault_point("leased")
    return taken


def holder(path: Path) -> str | None:
    """Give who holds a lease, or None where nobody does; a lease in the making is held by ``""``."""
    content = read_json(path)
    if content is not None:
        return str(content["worker"])
    return "" if path.exists() else None


def release(path: Path) -> None:
    """Give a lease back."""
    path.unlink(missing_ok=True)


def take_over(path: Path, dead: str) -> bool:
    """Remove the lease of a dead holder; False where another was quicker."""
    away = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        path.rename(away)
    except FileNotFoundError:
        return False
    moved = holder(away)
    if moved not in (dead, None):
        # It was taken over and leased again meanwhile: put it back; if a third lease exists by now, work is
        # done twice, and published once.
        create_exclusively(path, away.read_text())
    away.unlink(missing_ok=True)
    return moved in (dead, None)


def _text(worker: str) -> str:
    return json.dumps({"format": FORMAT, "worker": worker, "since": now()})


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
