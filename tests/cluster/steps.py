"""Say what is being done and how long it took, with a sign of life during long commands."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.cluster.errors import ClusterError

HEARTBEAT_SECONDS = 20.0


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Print `title`, a line every 20 s while the block runs, and the time it took."""
    start = time.monotonic()
    print(f"==> {title}", file=sys.stderr, flush=True)
    done = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(title, start, done), daemon=True)
    beat.start()
    try:
        yield
    finally:
        done.set()
        beat.join()
    print(f"    {title}: {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    next_step: str = "read the output above",
) -> str:
    """Run `command` and return its standard output.

    Raises:
        ClusterError: it failed; the message quotes the end of what it wrote.
    """
    words = [str(word) for word in command]
    result = subprocess.run(
        words,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        input=stdin,
        text=True,
        capture_output=True,
        check=False,
    )
    if result.returncode:
        tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-25:])
        raise ClusterError(f"`{' '.join(words)[:300]}` failed ({result.returncode}):\n{tail}", next_step)
    return result.stdout


def succeeds(command: Sequence[str | Path]) -> bool:
    """Whether `command` exits with 0; its output is dropped."""
    return subprocess.run([str(word) for word in command], capture_output=True, check=False).returncode == 0


def _heartbeat(title: str, start: float, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT_SECONDS):
        print(f"    … {title}: {time.monotonic() - start:.0f} s so far", file=sys.stderr, flush=True)
