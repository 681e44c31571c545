"""Says why a process cannot be forked safely: threads, sockets, a GPU, tasks left running."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

# Threads of libraries that stop and restart them around a fork.
READY_FOR_FORKS = ("jemalloc_bg_thd",)


def open_sockets() -> set[str]:
    """Give the sockets this process has open."""
    return {link for link in _links() if link.startswith("socket:")}


def reasons(sockets_before: set[str]) -> list[str]:
    """Give every reason not to fork, in words; none where it is safe.

    Native threads are counted after a trial fork: libraries that are ready for forks (BLAS) stop theirs then.
    """
    found = []
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        found.append(f"running threads ({', '.join(others)})")
    elif _threads_after_trial() > 1:
        found.append("native threads of a library")
    if open_sockets() - sockets_before:
        found.append("open sockets")
    if any(link.startswith(("/dev/nvidia", "/dev/kfd")) for link in _links()):
        found.append("a GPU context")
    return found


def _links() -> list[str]:
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return links


def _threads_after_trial() -> int:
    if _native_threads() == 1:
        return 1
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return _native_threads()


def _native_threads() -> int:
    names = []
    for path in Path("/proc/self/task").glob("*/comm"):
        # A thread may end while it is looked at.
        with contextlib.suppress(OSError):
            names.append(path.read_text().strip())
    return len([name for name in names if name not in READY_FOR_FORKS])
