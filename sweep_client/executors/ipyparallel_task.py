"""The task that an engine of IPyParallel executes for a sweep: it runs one worker and waits for its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def work(folder: str, job: str, part: int, parts: int, arguments: list[str]) -> int:
    """Run a worker beside the engine, whose threads and sockets a worker could not fork; give its exit code."""
    command = [sys.executable, "-m", "sweep_client.worker", folder, *arguments]
    command += ["--job", f"{job}_{part}", "--part", f"{part}/{parts}"]
    logs = Path(folder) / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / f"{job.replace(':', '-')}-{part}.log").open("ab") as log:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    return done.returncode
