"""Limits of one variant: time, memory, number of processes; watched from outside, so that it costs only itself."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a variant may use; None is no limit."""

    time_seconds: float | None = None
    memory_bytes: int | None = None
    processes: int | None = None


class Watch:
    """Watches the processes of one variant and ends them when they go too far."""

    def __init__(self, pid: int, limits: Limits) -> None:
        self.pid = pid
        self.limits = limits
        self.reason: str | None = None
        self._start = time.monotonic()
        self._interrupted: float | None = None

    def wait_seconds(self) -> float:
        """Say how long to wait before looking again."""
        age = time.monotonic() - self._start
        return 0.1 if age < 0.1 else 0.05 if age < 10 else 0.2

    def look(self) -> None:
        """Look once, and end the variant where a limit is passed."""
        if self.reason is None:
            self.reason = self._passed()
            if self.reason in ("memory", "processes"):
                self.kill()
            elif self.reason == "time":
                self._interrupt()
        elif self._interrupted is not None and time.monotonic() - self._interrupted > GRACE_SECONDS:
            self.kill()

    def kill(self) -> None:
        """End all processes of the variant at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _interrupt(self) -> None:
        """Interrupt the cell, so that its traceback says where it was; ``look`` kills what stays."""
        self._interrupted = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)

    def _passed(self) -> str | None:
        limits = self.limits
        if limits.time_seconds is not None and time.monotonic() - self._start > limits.time_seconds:
            return "time"
        if limits.processes is None and limits.memory_bytes is None:
            return None
        processes = family(self.pid)
        if limits.processes is not None and len(processes) > limits.processes:
            return "processes"
        if limits.memory_bytes is not None and memory(processes, limits.memory_bytes) > limits.memory_bytes:
            return "memory"
        return None


def family(pid: int) -> list[int]:
    """Give a process and all its descendants."""
    found = [pid]
    for parent in found:
        found.extend(children(parent))
    return found


def children(pid: int) -> list[int]:
    """Give the children of a process, over all its threads."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            found.extend(
                int(child) for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()
            )
    return found


def memory(processes: list[int], enough: int) -> int:
    """Give the memory of processes; pages shared with the worker are looked at only where it matters."""
    resident = sum(_resident(pid) for pid in processes)
    return resident if resident <= enough else sum(_private(pid) for pid in processes)


def limit_memory(limit: int | None) -> None:
    """Let allocations of this process beyond ``limit`` fail, so that Python raises MemoryError."""
    if limit is None:
        return
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            used = int(line.split()[1]) * 1024
            resource.setrlimit(resource.RLIMIT_DATA, (used + limit, resource.RLIM_INFINITY))


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def _private(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))
