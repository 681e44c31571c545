"""Workers as one array job of Slurm: by its commands here, over SSH, or by its REST interface.

Never a job per variant: each task of the array is a worker that leases variants until none is left, and stops
leasing before its time limit. Tested on Slurm 24.11; other versions are untested.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from sweep_client.directory import Directory
from sweep_client.errors import ExecutorError
from sweep_client.executors.base import Executor, JobState, Submission
from sweep_client.executors.pace import Pace
from sweep_client.executors.signs import LEASE_SECONDS, has_ended, is_superfluous
from sweep_client.executors.slurm_job import (
    JobRequest,
    drain_margin,
    job_resources,
    make_script,
    worker_options,
)
from sweep_client.executors.slurm_reach import Reach, likely_transport, open_reach
from sweep_client.executors.slurm_states import TOO_MANY_JOBS, summarise
from sweep_client.executors.stage import BASE
from sweep_client.leases import Observer
from sweep_client.packing import ALL, Group, fitting_workers

DEFAULT_WORKERS = 8
# A task takes Slurm about half a second to start: less work than this is not worth one.
LEAST_SECONDS_PER_WORKER = 5.0
SHORTEST_INTERVAL, LONGEST_INTERVAL, LONGEST_FETCH_INTERVAL = 2.0, 60.0, 20.0


class SlurmExecutor(Executor):
    """Runs workers as an array job of Slurm."""

    name: ClassVar[str] = "slurm"
    linger_seconds: ClassVar[float] = 75.0
    by_resources: ClassVar[bool] = True
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
        "folder": "the results directory as the nodes see it, where that differs; with ssh: nothing is copied then",
        "stage": f"ssh: where copies are kept on the frontend, on a disk that the nodes share; {BASE} by default",
        "host": "ssh: [user@]host[:port] of the frontend",
        "key": "ssh: a private key file; those of ssh-agent and the usual ones by default",
        "known_hosts": "ssh: a file of known hosts; ~/.ssh/known_hosts by default",
        "url": "rest: where slurmrestd answers",
        "user": "rest: the user of the token; this one by default",
        "token_file": "rest: a file of mode 0600 with the token; SLURM_JWT and the keyring by default",
    }

    def __init__(self, directory: Directory, **options: Any) -> None:
        super().__init__(directory, **options)
        self.transport_name = likely_transport(options)
        self._opened: Reach | None = None
        self._states: dict[str, JobState] = {}
        self._observer = Observer(directory, LEASE_SECONDS)
        self._questions = Pace(4, SHORTEST_INTERVAL, LONGEST_INTERVAL)
        self._fetches = Pace(20, SHORTEST_INTERVAL, LONGEST_FETCH_INTERVAL)

    @property
    def reach(self) -> Reach:
        """The way to the cluster, opened when first needed."""
        if self._opened is None:
            self._opened = open_reach(self.directory, self.options)
        return self._opened

    def workers(self, pending: int, mean_seconds: float | None) -> int:
        """As many as there is work for; the site's limits are read when submitting."""
        most = int(self.options.get("workers") or DEFAULT_WORKERS)
        return fitting_workers(pending, mean_seconds, most, LEAST_SECONDS_PER_WORKER)

    def submit(self, workers: int, group: Group = ALL) -> Submission:
        """Submit one array for a group; where the site allows fewer jobs, fewer workers do the same work."""
        processes = int(self.options.get("processes") or 1)
        tasks = self.reach.transport.limits().fitting(-(-workers // processes))
        self.directory.logs.mkdir(exist_ok=True)
        self.reach.send()
        while True:
            try:
                identity = self.reach.transport.submit(self._request(tasks, processes, group))
                break
            except ExecutorError as error:
                if tasks == 1 or TOO_MANY_JOBS not in str(error):
                    raise
                tasks = tasks // 2
        self._questions.restart()
        self._fetches.restart()
        return Submission(
            self.name, identity, tasks * processes, options=self.options, logs=f"logs/slurm-{identity}_0.log"
        )

    def poll(self, submissions: Iterable[Submission]) -> dict[str, JobState]:
        """Ask Slurm about all jobs at once, seldom; workers that said good-bye need no question."""
        listed = list(submissions)
        live = [entry for entry in listed if self._state(entry.id).state != "ended"]
        try:
            self._follow(live)
        except ExecutorError as error:
            self._keep(live, str(error).splitlines()[0])
        return {submission.id: self._state(submission.id) for submission in listed}

    def cancel(self, submission: Submission) -> None:
        """Cancel the job, its waiting tasks too."""
        if self.reach.stage is not None:
            self.reach.stage.cancel()
        self.reach.transport.cancel({submission.id})
        self._questions.restart()

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

    def _request(self, tasks: int, processes: int, group: Group) -> JobRequest:
        resources = job_resources(self.options, group, processes)
        seconds = resources.get("time")
        command = [self.reach.python, "-m", "sweep_client.worker", self.reach.folder]
        command += worker_options(group, self.linger_seconds, processes, seconds)
        return JobRequest(
            name=_job_name(self.directory),
            script=make_script(command, self.reach.environment),
            tasks=tasks,
            folder=self.reach.folder,
            resources=resources,
            drain_seconds=drain_margin(seconds),
            environment=self.reach.environment,
        )

    def _state(self, identity: str) -> JobState:
        return self._states.get(identity, JobState("pending", "was submitted"))

    def _follow(self, live: list[Submission]) -> None:
        """Learn what has become of jobs that have not ended."""
        stage = self.reach.stage if live else None
        if stage is not None and self._fetches.is_due():
            stage.fetch()
        found = self._heard(live)
        unheard = {entry.id for entry in live if entry.id not in found}
        if unheard and self._questions.is_due():
            found |= self._asked(unheard)
        if stage is not None and "ended" in {state.state for state in found.values()}:
            # What a job wrote last comes home before anyone hears that it has ended.
            stage.fetch()
            stage.finish()
        self._states |= found

    def _heard(self, live: list[Submission]) -> dict[str, JobState]:
        """Give the jobs whose workers have all said good-bye; those that still wait for nothing are cancelled."""
        ended = {}
        for entry in live:
            job = f"slurm:{entry.id}_"
            if has_ended(self.directory, job, entry.workers):
                ended[entry.id] = JobState("ended")
            elif is_superfluous(self.directory, job, self._observer):
                self.reach.transport.cancel({entry.id})
                ended[entry.id] = JobState("ended")
        return ended

    def _asked(self, ids: set[str]) -> dict[str, JobState]:
        tasks = self.reach.transport.tasks(ids)
        forgotten = ids - {task.job for task in tasks}
        if forgotten:
            tasks += self.reach.transport.history(forgotten)
        return {identity: summarise(task for task in tasks if task.job == identity) for identity in ids}

    def _keep(self, live: list[Submission], message: str) -> None:
        """The cluster does not answer: its jobs go on, so nothing is concluded."""
        for entry in live:
            reason = f"the cluster does not answer ({message}); asking again"
            self._states[entry.id] = JobState(self._state(entry.id).state, reason)


def _job_name(directory: Directory) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", directory.read_sweep().name)[:40]
    return f"sweep-{name}-{hashlib.sha256(str(directory.root).encode()).hexdigest()[:6]}"
