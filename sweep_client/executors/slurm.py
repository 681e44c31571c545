"""Workers as one array job of Slurm: by its commands here, over SSH, or by its REST interface.

Never a job per variant: each task of the array is a worker that leases variants until none is left, and stops
leasing before its time limit. Tested on Slurm 24.11; other versions are untested.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from sweep_client.directory import Directory
from sweep_client.errors import ExecutorError, InputRefused
from sweep_client.executors.base import Executor, JobState, Submission
from sweep_client.executors.heartbeats import workers_ended
from sweep_client.executors.slurm_job import (
    JobRequest,
    Transport,
    carried_environment,
    drain_margin,
    job_resources,
    make_script,
)
from sweep_client.executors.slurm_states import summarise
from sweep_client.packing import fitting_workers

DEFAULT_WORKERS = 8
# A task takes Slurm about half a second to start: less work than this is not worth one.
LEAST_SECONDS_PER_WORKER = 5.0
SHORTEST_INTERVAL, LONGEST_INTERVAL = 2.0, 60.0
TRANSPORTS = ("cli", "ssh", "rest")


class SlurmExecutor(Executor):
    """Runs workers as an array job of Slurm."""

    name: ClassVar[str] = "slurm"
    linger_seconds: ClassVar[float] = 75.0
    known_options: ClassVar[dict[str, str]] = {
        "transport": "cli (Slurm's commands here), ssh or rest; ssh where host is given, rest where url is, else cli",
        "workers": f"how many at most; {DEFAULT_WORKERS} by default",
        "processes": "workers in one task of the array, after one warm-up; 1 by default",
        "cpus": "processors of a task",
        "memory": "memory of a task, such as 2G",
        "time": "time limit of a task, such as 2h",
        "gpus": "GPUs of a task",
        "partition": "the partition",
        "account": "the account that pays",
        "qos": "the quality of service",
        "constraint": "features of nodes",
        "nodelist": "names of nodes",
        "python": "the Python on the nodes that has sweep_client; this one by default",
        "folder": "the results directory as the nodes see it, where that differs",
        "host": "ssh: [user@]host[:port] of the frontend",
        "key": "ssh: a private key file; the agent's and the usual ones by default",
        "known_hosts": "ssh: a file of known hosts; ~/.ssh/known_hosts by default",
        "url": "rest: where slurmrestd answers",
        "user": "rest: the user of the token; this one by default",
        "token_file": "rest: a file of mode 0600 with the token; SLURM_JWT and the keyring by default",
    }

    def __init__(self, directory: Directory, **options: Any) -> None:
        super().__init__(directory, **options)
        self.transport_name = options.get("transport") or self._likely_transport()
        if self.transport_name not in TRANSPORTS:
            raise InputRefused(
                f"there is no transport {self.transport_name!r}; known are {', '.join(TRANSPORTS)}"
            )
        self._opened: Transport | None = None
        self._states: dict[str, JobState] = {}
        self._first_asked = 0.0
        self._next_question = 0.0

    @property
    def transport(self) -> Transport:
        """What carries questions to Slurm, opened when first needed."""
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def workers(self, pending: int, mean_seconds: float | None) -> int:
        """As many as there is work for; the site's limits are read when submitting."""
        most = int(self.options.get("workers") or DEFAULT_WORKERS)
        return fitting_workers(pending, mean_seconds, most, LEAST_SECONDS_PER_WORKER)

    def submit(self, workers: int) -> Submission:
        """Submit one array; where the site allows fewer jobs, fewer workers do the same work."""
        processes = int(self.options.get("processes") or 1)
        tasks = self.transport.limits().fitting(-(-workers // processes))
        self.directory.logs.mkdir(exist_ok=True)
        while True:
            try:
                identity = self.transport.submit(self._request(tasks, processes))
                break
            except ExecutorError as error:
                if tasks == 1 or "as many jobs in the queue as you may" not in str(error):
                    raise
                tasks = tasks // 2
        self._first_asked = self._next_question = 0.0
        return Submission(
            self.name, identity, tasks * processes, options=self.options, logs=f"logs/slurm-{identity}_0.log"
        )

    def poll(self, submissions: Iterable[Submission]) -> dict[str, JobState]:
        """Ask Slurm about all jobs at once, seldom; workers that said good-bye need no question."""
        listed = list(submissions)
        for submission in listed:
            if self._state(submission).state != "ended" and workers_ended(
                self.directory, f"slurm:{submission.id}_", submission.workers
            ):
                self._states[submission.id] = JobState("ended")
        open_ids = {entry.id for entry in listed if self._state(entry).state != "ended"}
        if open_ids and time.monotonic() >= self._next_question:
            self._plan_next_question()
            self._ask(open_ids)
        return {submission.id: self._state(submission) for submission in listed}

    def cancel(self, submission: Submission) -> None:
        """Cancel the job, its waiting tasks too."""
        self.transport.cancel({submission.id})
        self._next_question = 0.0

    def logs(self, submission: Submission) -> list[Path]:
        """Give the log of each task that has started."""
        return sorted(self.directory.logs.glob(f"slurm-{submission.id}_*.log"))

    def check(self) -> list[str]:
        """Say what is missing here."""
        if self.transport_name != "cli":
            return []
        from sweep_client.executors.slurm_commands import missing_commands

        missing = missing_commands()
        return (
            [
                f"Slurm's commands are not on PATH ({', '.join(missing)}): log in to the frontend, or give host or url"
            ]
            if missing
            else []
        )

    def _likely_transport(self) -> str:
        return "ssh" if self.options.get("host") else "rest" if self.options.get("url") else "cli"

    def _open(self) -> Transport:
        from sweep_client.executors.slurm_commands import CommandTransport

        return CommandTransport()

    def _request(self, tasks: int, processes: int) -> JobRequest:
        resources = job_resources(self.directory, self.options, processes)
        margin = drain_margin(resources.get("time"))
        environment = carried_environment({})
        return JobRequest(
            name=_job_name(self.directory),
            script=make_script(self._command(processes, resources.get("time"), margin), environment),
            tasks=tasks,
            folder=str(self.options.get("folder") or self.directory.root),
            resources=resources,
            drain_seconds=margin,
        )

    def _command(self, processes: int, seconds: float | None, margin: int) -> list[str]:
        """Give the worker's command; the script adds which part of the array it is."""
        folder = str(self.options.get("folder") or self.directory.root)
        command = [str(self.options.get("python") or sys.executable), "-m", "sweep_client.worker", folder]
        command += ["--linger", f"{self.linger_seconds:g}", "--processes", str(processes)]
        return [*command, "--until", f"{seconds - margin:g}"] if seconds else command

    def _state(self, submission: Submission) -> JobState:
        return self._states.get(submission.id, JobState("pending", "was submitted"))

    def _plan_next_question(self) -> None:
        """The longer a sweep runs, the seldomer Slurm is asked."""
        now = time.monotonic()
        self._first_asked = self._first_asked or now
        interval = (now - self._first_asked) / 4
        self._next_question = now + min(LONGEST_INTERVAL, max(SHORTEST_INTERVAL, interval))

    def _ask(self, ids: set[str]) -> None:
        try:
            tasks = self.transport.tasks(ids)
            forgotten = ids - {task.job for task in tasks}
            if forgotten:
                tasks += self.transport.history(forgotten)
        except ExecutorError as error:
            self._keep(ids, str(error).splitlines()[0])
            return
        for identity in ids:
            self._states[identity] = summarise(task for task in tasks if task.job == identity)

    def _keep(self, ids: set[str], message: str) -> None:
        """Slurm does not answer: its jobs go on, so nothing is concluded."""
        for identity in ids:
            known = self._states.get(identity, JobState("pending"))
            self._states[identity] = JobState(known.state, f"Slurm does not answer ({message}); asking again")


def _job_name(directory: Directory) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", directory.read_sweep().name)[:40]
    return f"sweep-{name}-{hashlib.sha256(str(directory.root).encode()).hexdigest()[:6]}"
