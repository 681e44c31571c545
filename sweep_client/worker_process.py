"""Runs a worker as a process of its own and waits for it: for callers that need one variant, not a sweep."""

from __future__ import annotations

import subprocess
import sys

from sweep_client.directory import Directory
from sweep_client.errors import ExecutorError


def run_worker(directory: Directory) -> None:
    """Run one worker until nothing is left to do.

    Raises:
        ExecutorError: it could not begin.
    """
    command = [sys.executable, "-m", "sweep_client.worker", str(directory.root)]
    # A kernel echoes to its own standard output what libraries and subprocesses write; it is in the notebook, too.
    null, pipe = subprocess.DEVNULL, subprocess.PIPE
    ended = subprocess.run(command, stdin=null, stdout=null, stderr=pipe, text=True, check=False)
    if ended.returncode not in (0, 3):
        raise ExecutorError(f"the worker ended with exit code {ended.returncode}: {ended.stderr.strip()}")
