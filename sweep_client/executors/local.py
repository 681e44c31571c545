"""Workers as processes of this machine: one warm process that forks them, apart from the client."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from sweep_client.executors.base import Executor, JobState, Submission
from sweep_client.leases import process_start
from sweep_client.packing import ALL, Group, fitting_workers, most_cpus


class LocalExecutor(Executor):
    """Runs workers on this machine."""

    name: ClassVar[str] = "local"
    known_options: ClassVar[dict[str, str]] = {"workers": "how many at once; one per processor by default"}

    # Kept for ever: workers outlive the executor, and whoever started them must collect their exit codes.
    _processes: ClassVar[dict[str, subprocess.Popen[bytes]]] = {}

    def workers(self, pending: int, mean_seconds: float | None) -> int:
        """As many as there are processors for, and as there is work for."""
        cpus = len(os.sched_getaffinity(0))
        most = int(self.options.get("workers") or max(1, cpus // most_cpus(self.directory)))
        return fitting_workers(pending, mean_seconds, most)

    def submit(self, workers: int, group: Group = ALL) -> Submission:  # noqa: ARG002 - one machine, one size
        """Start one process that becomes ``workers`` workers after its warm-up."""
        self.directory.logs.mkdir(exist_ok=True)
        name = f"local-{len(list(self.directory.logs.glob('local-*.log'))) + 1}"
        log = self.directory.logs / f"{name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                self.worker_command("--processes", str(workers), "--job", name),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        identity = f"{process.pid}:{process_start(process.pid)}"
        self._processes[identity] = process
        return Submission(
            self.name, identity, workers, dict(self.options), logs=str(log.relative_to(self.directory.root))
        )

    def poll(self, submissions: Iterable[Submission]) -> dict[str, JobState]:
        """Look whether the processes live."""
        return {submission.id: self._state(submission) for submission in submissions}

    def cancel(self, submission: Submission) -> None:
        """Ask the processes to stop."""
        pid, start = submission.id.split(":")
        if process_start(int(pid)) == int(start):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM)

    def logs(self, submission: Submission) -> list[Path]:
        """Give the one log file."""
        return [self.directory.root / submission.logs]

    def _state(self, submission: Submission) -> JobState:
        if submission.id in self._processes:
            self._processes[submission.id].poll()
        pid, start = submission.id.split(":")
        if process_start(int(pid)) == (int(start) if start.isdigit() else -1):
            return JobState("running")
        process = self._processes.get(submission.id)
        code = process.returncode if process else None
        return JobState("ended", f"exit code {code}, see {submission.logs}" if code else "")
