"""What an executor is: something that starts workers, says whether they live, ends them and shows their logs.

An executor never looks at variants. It starts ``worker_command`` N times where the results directory can be seen,
and everything else happens in that directory. A package offers one by an entry point of the group
``sweep_client.executors``; ``local`` is the shortest example.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from sweep_client.directory import Directory
from sweep_client.errors import InputRefused
from sweep_client.files import read_json, write_json
from sweep_client.packing import ALL, Group
from sweep_client.times import now


@dataclass(frozen=True, slots=True)
class Submission:
    """What was submitted; all that is needed to find it again from anywhere."""

    executor: str
    id: str
    workers: int
    options: dict[str, Any] = field(default_factory=dict)
    submitted: str = field(default_factory=now)
    logs: str = "logs"


@dataclass(frozen=True, slots=True)
class JobState:
    """What has become of a submission: ``pending``, ``running`` or ``ended``, and why, in plain words."""

    state: str
    reason: str = ""


class Executor(ABC):
    """Starts and ends workers in one kind of place."""

    name: ClassVar[str]
    known_options: ClassVar[Mapping[str, str]] = {}
    # How long a worker there waits for variants that others hold, in case those others die.
    linger_seconds: ClassVar[float] = 0.0
    # Whether variants that want different resources are submitted apart, each with workers of its size.
    by_resources: ClassVar[bool] = False

    def __init__(self, directory: Directory, **options: Any) -> None:
        unknown = sorted(set(options) - set(self.known_options))
        if unknown:
            known = ", ".join(f"{name} ({text})" for name, text in self.known_options.items()) or "none"
            raise InputRefused(f"executor {self.name} has no option {unknown[0]!r}; its options are: {known}")
        self.directory = directory
        self.options = options

    @abstractmethod
    def workers(self, pending: int, mean_seconds: float | None) -> int:
        """Say how many workers to start for so many pending variants."""

    @abstractmethod
    def submit(self, workers: int, group: Group = ALL) -> Submission:
        """Start so many workers for a group of variants."""

    @abstractmethod
    def poll(self, submissions: Iterable[Submission]) -> dict[str, JobState]:
        """Say what has become of submissions, by their id, with one question for all."""

    @abstractmethod
    def cancel(self, submission: Submission) -> None:
        """End the workers of a submission, also pending ones."""

    @abstractmethod
    def logs(self, submission: Submission) -> list[Path]:
        """Give the log files of a submission."""

    def check(self) -> list[str]:
        """Say what is missing here to use this executor, each with what to do; for ``sweep doctor``."""
        return []

    def worker_command(self, *arguments: str, python: str | None = None) -> list[str]:
        """Give the command that runs a worker."""
        own = [python or sys.executable, "-m", "sweep_client.worker", str(self.directory.root)]
        return [*own, "--linger", f"{self.linger_seconds:g}", *arguments]


def read_submissions(directory: Directory) -> list[Submission]:
    """Read what was submitted for a sweep."""
    content = read_json(directory.executor) or {"submissions": []}
    known = Submission.__dataclass_fields__
    return [Submission(**{k: v for k, v in entry.items() if k in known}) for entry in content["submissions"]]


def write_submissions(directory: Directory, submissions: Iterable[Submission]) -> None:
    """Write what was submitted for a sweep."""
    content = {"format": 1, "submissions": [asdict(submission) for submission in submissions]}
    write_json(directory.executor, content)
