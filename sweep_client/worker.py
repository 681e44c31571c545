"""The worker: leases variants from a results directory, runs them and publishes, until none is left.

Every executor runs precisely this: ``python -m sweep_client.worker <results-dir>``. How one variant is run is in
``runner``, what is published in ``publication``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from sweep_client.candidates import Candidates
from sweep_client.directory import Directory, SweepFile
from sweep_client.files import fault_point
from sweep_client.journal import Journal
from sweep_client.leases import Heartbeat, release, take
from sweep_client.limits import Limits
from sweep_client.notebook import Template
from sweep_client.plan import Plan, Planned
from sweep_client.publication import (
    Attempt,
    link_all,
    make_record,
    publish_record,
    unlink_all,
    write_attempt,
)
from sweep_client.runner import Ended, Runner, Stopped
from sweep_client.times import now
from sweep_client.zygote import Request

EXIT_ENDED = 0
EXIT_STOPPED = 3
MISSES_BEFORE_RESCAN = 16


@dataclass(frozen=True, slots=True)
class Job:
    """How a worker was started."""

    name: str
    part: int = 0
    parts: int = 1
    # Nothing but every ``only[1]``-th variant of the plan, from ``only[0]``; others work on the rest elsewhere.
    only: tuple[int, int] = (0, 1)
    job: str = ""
    linger: float = 0.0
    until: float | None = None
    # Only variants that want just this, as ``packing.group_of`` writes it; None is all.
    resources: str | None = None


@dataclass
class Worker:
    """One worker, in its own process."""

    directory: Directory
    sweep: SweepFile
    template: Template
    job: Job
    runner: Runner
    draining: bool = False
    stopping: bool = False
    done: int = 0
    failed: int = 0
    _seconds: float = 0.0
    _started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._heartbeat = Heartbeat(self.directory, self.job.name, "worker", self.job.job)
        self._journal = Journal(self.directory, self.job.name)
        self._plan = Plan(self.directory.root / self.sweep.plan)
        part = (self.job.part, self.job.parts)
        self._candidates = Candidates(
            self.directory,
            self.sweep,
            self._plan,
            self.job.name,
            part=part,
            only=self.job.only,
            resources=self.job.resources,
        )
        self._attempts = 0

    def run(self) -> int:
        """Work until nothing is left to do; give the exit code."""
        self._beat("starting")
        self._journal.write("start", job=self.job.job)
        self._listen()
        try:
            self._work()
        except Stopped:
            self.stopping = True
        finally:
            self.runner.close()
            self._plan.close()
            with contextlib.suppress(OSError):
                self._beat("ended")
                self._journal.write("end", done=self.done, failed=self.failed)
            self._journal.close()
        return EXIT_STOPPED if self.draining or self.stopping else EXIT_ENDED

    def tick(self) -> None:
        """Called a few times a second while a variant runs."""
        self._beat("running")
        if self.stopping or self.directory.cancel.exists():
            raise Stopped

    def _work(self) -> None:
        quiet_since = time.monotonic()
        while not self._must_end():
            before = self._attempts
            self._run_batch(self._candidates.scan())
            if self._attempts > before:
                quiet_since = time.monotonic()
            elif not self._candidates.others_running() or time.monotonic() - quiet_since >= self.job.linger:
                return
            else:
                self._beat("idle")
                time.sleep(min(1.0, self.job.linger))

    def _run_batch(self, batch: list[int]) -> None:
        misses = 0
        for index in batch:
            if self._must_end() or misses >= MISSES_BEFORE_RESCAN:
                return
            misses = 0 if self._try(index) else misses + 1

    def _must_end(self) -> bool:
        self._beat("running")
        if self.directory.cancel.exists():
            self.stopping = True
        mean = self._seconds / max(1, self.done + self.failed)
        left = None if self.job.until is None else self.job.until - (time.monotonic() - self._started)
        if left is not None and left < 2 * mean + 1:
            self.draining = True
        return self.draining or self.stopping

    def _try(self, index: int) -> bool:
        """Lease and run one variant; False where someone else has it."""
        key = self._plan.keys[index]
        lease = self.directory.lease(key)
        if not take(lease, self.job.name):
            return False
        try:
            if self.directory.done(key).exists():
                return False
            planned = self._plan[index]
            self._attempts += 1
            while not self._attempt(planned) and not self._must_end():
                pass
        finally:
            release(lease)
        return True

    def _attempt(self, planned: Planned) -> bool:
        """Run one attempt; True where the variant needs no other."""
        failures = self.directory.failures(planned.key)
        if failures > self.sweep.options.retries:
            return True
        name = f"{self.job.name}-{self.done + self.failed + 1}"
        folder = self.directory.attempt(planned.key, name)
        folder.mkdir(parents=True)
        attempt = Attempt(planned, name, failures + 1, self.job.name, now(), folder)
        start = time.monotonic()
        limits = self._limits(planned.resources)
        ended = self._execute(attempt, limits)
        facts = {"finished": now(), "seconds": round(time.monotonic() - start, 4)}
        facts |= {"engine": self.sweep.options.engine, "notes": self.runner.notes}
        record = make_record(attempt, ended, limits, **facts)
        write_attempt(self.directory, self.template, attempt, ended, record)
        published = publish_record(self.directory, attempt, record)
        fault_point("published")
        self._account(record, published)
        return bool(record["state"] == "done" or attempt.number > self.sweep.options.retries)

    def _execute(self, attempt: Attempt, limits: Limits) -> Ended:
        working = self.sweep.directory or str(attempt.folder)
        own = self.sweep.directory is None
        self.runner.ensure(limits.time_seconds)
        if own:
            link_all(self.runner.working, attempt.folder)
        planned = attempt.planned
        request = Request(planned.key, planned.parameters, str(attempt.folder), working, limits.memory_bytes)
        try:
            return self.runner.run(request, limits)
        finally:
            if own:
                unlink_all(attempt.folder)

    def _limits(self, resources: dict[str, Any]) -> Limits:
        options = self.sweep.options
        return Limits(
            resources.get("time", options.time_seconds),
            resources.get("memory", options.memory_bytes),
            options.processes,
        )

    def _account(self, record: dict[str, Any], published: bool) -> None:
        self._seconds += record["seconds"]
        if record["state"] == "done":
            self.done += 1
        else:
            self.failed += 1
        event = record["state"] if published else "lost"
        self._journal.write(event, key=record["key"], record=record)

    def _beat(self, state: str) -> None:
        counted = self.done + self.failed
        facts = {
            "done": self.done,
            "failed": self.failed,
            "mean_seconds": self._seconds / counted if counted else 0.0,
        }
        self._heartbeat.beat(self.sweep.options.lease_seconds / 6, state=state, **facts)

    def _listen(self) -> None:
        def drain(*_: Any) -> None:
            self.draining = True

        def stop(*_: Any) -> None:
            self.stopping = True

        signal.signal(signal.SIGUSR1, drain)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)


def main() -> None:
    """Entry point of ``python -m sweep_client.worker``."""
    from sweep_client.worker_command import run

    os._exit(run())


if __name__ == "__main__":
    main()
