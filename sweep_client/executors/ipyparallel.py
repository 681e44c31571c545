"""Workers as tasks on the engines of an IPyParallel cluster that see the results directory.

Nothing depends on what a controller remembers: a task only starts a worker, and whether workers live is read in the
results directory. A controller that restarted has forgotten its tasks; then their workers are submitted again.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from sweep_client.directory import Directory
from sweep_client.errors import ExecutorError
from sweep_client.executors.base import Executor, JobState, Submission
from sweep_client.executors.ipyparallel_task import work
from sweep_client.executors.pace import Pace
from sweep_client.executors.signs import LEASE_SECONDS, has_ended, is_superfluous, living_workers
from sweep_client.files import read_json, write_json
from sweep_client.leases import Observer
from sweep_client.packing import ALL, Group, fitting_workers

DEFAULT_WORKERS = 4
LEAST_SECONDS_PER_WORKER = 1.0
SECONDS = 10


class IPyParallelExecutor(Executor):
    """Runs workers as tasks of engines."""

    name: ClassVar[str] = "ipyparallel"
    linger_seconds: ClassVar[float] = 75.0
    known_options: ClassVar[dict[str, str]] = {
        "workers": "how many at most; one per engine by default",
        "profile": "the IPython profile of the cluster",
        "cluster_id": "the cluster of that profile",
        "connection_file": "ipcontroller-client.json of the cluster, in place of both",
        "folder": "the results directory as the engines see it, where that differs",
    }

    def __init__(self, directory: Directory, **options: Any) -> None:
        super().__init__(directory, **options)
        self._observer = Observer(directory, LEASE_SECONDS)
        self._states: dict[str, JobState] = {}
        self._questions = Pace(10, 2.0, 30.0)

    def workers(self, pending: int, mean_seconds: float | None) -> int:
        """One per engine; where none is connected yet, as many as shall start when engines come."""
        most = self.options.get("workers")
        if most is None:
            with self._client() as client:
                most = len(client.ids) or DEFAULT_WORKERS
        return fitting_workers(pending, mean_seconds, int(most), LEAST_SECONDS_PER_WORKER)

    def submit(self, workers: int, group: Group = ALL) -> Submission:  # noqa: ARG002 - engines have one size
        """Give the tasks to the controller and see that it has them."""
        identity = uuid.uuid4().hex[:8]
        folder = str(self.options.get("folder") or self.directory.root)
        job = f"ipyparallel:{identity}"
        with self._client() as client:
            view = client.load_balanced_view()
            linger = ["--linger", f"{self.linger_seconds:g}"]
            tasks = [view.apply_async(work, folder, job, part, workers, linger) for part in range(workers)]
            names = [task.msg_ids[0] for task in tasks]
            _wait_until_known(client, names)
        write_json(self._tasks_path(identity), {"format": 1, "tasks": names})
        self._questions.restart()
        return Submission(
            self.name, identity, workers, options=self.options, logs=f"logs/ipyparallel-{identity}-0.log"
        )

    def poll(self, submissions: Iterable[Submission]) -> dict[str, JobState]:
        """Read how the workers are; the controller is asked only about tasks that have not become workers."""
        listed = list(submissions)
        live = [entry for entry in listed if self._state(entry.id).state != "ended"]
        found = {entry.id: self._seen(entry) for entry in live}
        if None in found.values() and self._questions.is_due():
            found |= {identity: self._asked(identity) for identity, state in found.items() if state is None}
        self._states |= {identity: state for identity, state in found.items() if state is not None}
        return {submission.id: self._state(submission.id) for submission in listed}

    def cancel(self, submission: Submission) -> None:
        """Do nothing here: workers end when they see that the sweep is cancelled, those that wait as soon as they start."""

    def logs(self, submission: Submission) -> list[Path]:
        """Give the log of each worker that has started."""
        return sorted(self.directory.logs.glob(f"ipyparallel-{submission.id}-*.log"))

    def check(self) -> list[str]:
        """Say what is missing here."""
        if find_spec("ipyparallel") is None:
            return ["ipyparallel is not installed; next: pip install 'sweep-client[ipyparallel]'"]
        return []

    def _state(self, identity: str) -> JobState:
        return self._states.get(identity, JobState("pending", "was submitted"))

    def _seen(self, submission: Submission) -> JobState | None:
        """Say what the results directory tells, or None where only the controller can know."""
        job = f"ipyparallel:{submission.id}_"
        if has_ended(self.directory, job, submission.workers) or is_superfluous(
            self.directory, job, self._observer
        ):
            return JobState("ended")
        return JobState("running") if living_workers(self.directory, job, self._observer) else None

    def _tasks_path(self, identity: str) -> Path:
        return self.directory.root / f"ipyparallel-{identity}.json"

    def _asked(self, identity: str) -> JobState:
        """Say what becomes of tasks without workers: they wait, or the controller has forgotten them."""
        tasks = (read_json(self._tasks_path(identity)) or {"tasks": []})["tasks"]
        try:
            with self._client() as client:
                engines = len(client.ids)
                pending = client.result_status(tasks, status_only=True)["pending"] if tasks else []
        except ExecutorError as error:
            return JobState("pending", f"{str(error).splitlines()[0]}; asking again")
        except Exception as error:
            # The hub answers with whatever its own lookup raised; a KeyError is what it says of unknown tasks.
            return JobState("ended", f"the controller knows of no such tasks ({type(error).__name__})")
        if not pending:
            return JobState("ended", "its tasks have ended without a word of their workers; see their logs")
        return JobState(
            "pending", "waits for a free engine" if engines else "waits for engines: none is connected"
        )

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        """Connect for a few questions; a connection that is kept would have to be mended after every restart."""
        import ipyparallel  # type: ignore[import-untyped]

        given = {name: self.options[name] for name in ("profile", "cluster_id") if self.options.get(name)}
        if self.options.get("connection_file"):
            given["connection_info"] = str(self.options["connection_file"])
        try:
            client = ipyparallel.Client(timeout=SECONDS, **given)
        except (OSError, TimeoutError, ipyparallel.error.IPythonError) as error:
            raise ExecutorError(
                f"no IPyParallel controller answers: {error or type(error).__name__}\n"
                "  start one with: ipcluster start, or name its file: -O connection_file=…/ipcontroller-client.json"
            ) from None
        try:
            yield client
        except (TimeoutError, ipyparallel.error.TimeoutError) as error:
            raise ExecutorError(f"the IPyParallel controller does not answer: {error}") from None
        finally:
            client.close()


def _wait_until_known(client: Any, tasks: list[str]) -> None:
    """Wait until the hub has seen tasks: a connection closed before would take them along."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(Exception):
            status = client.result_status(tasks, status_only=True)
            if len(status["pending"]) + len(status["completed"]) == len(tasks):
                return
        time.sleep(0.05)
    raise ExecutorError(f"the IPyParallel controller did not take the tasks within {SECONDS} s; is it alive?")
