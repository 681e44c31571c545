"""What is asked of Slurm for a sweep: one array of workers, as a script and resources, whatever carries it there."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sweep_client.executors.slurm_states import Task
from sweep_client.packing import Group
from sweep_client.resources import parse_resource

NUMBERS = ("cpus", "memory", "gpus")
WORDS = ("partition", "account", "qos", "constraint", "nodelist")
# A worker's own processes beside the variant's.
OVERHEAD_BYTES = 256 << 20
HOME = 'export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"'
# Known on the node alone, so expanded there.
WHICH_PART = '--job "slurm:${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}" --part "${SLURM_ARRAY_TASK_ID}/${SLURM_ARRAY_TASK_COUNT}"'
# What a job needs of the submitter's environment; the rest stays where it is, secrets with it.
CARRIED = (
    "PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "HOME", "USER", "LOGNAME", "SHELL", "LANG",
    "LC_ALL", "TZ", "TMPDIR", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "SWEEP_FAULT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """What a site allows; None where it sets or tells no limit."""

    array_size: int | None = None
    submit_jobs: int | None = None

    def fitting(self, workers: int) -> int:
        """Give as many of ``workers`` as one array may have here."""
        return max(1, min([workers, *(most for most in (self.array_size, self.submit_jobs) if most)]))


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One array job."""

    name: str
    script: str
    tasks: int
    folder: str
    resources: Mapping[str, Any] = field(default_factory=dict)
    drain_seconds: int = 60
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """Where the tasks write."""
        return f"{self.folder}/logs/slurm-%A_%a.log"


class Transport(Protocol):
    """Carries requests to Slurm; every method is one question, so that they can be counted."""

    def limits(self) -> SiteLimits:
        """Read what the site allows."""

    def submit(self, request: JobRequest) -> str:
        """Submit an array; give its id."""

    def tasks(self, ids: set[str]) -> list[Task]:
        """Give what Slurm knows about jobs; those it has forgotten are absent."""

    def history(self, ids: set[str]) -> list[Task]:
        """Give what accounting knows about jobs that Slurm has forgotten."""

    def cancel(self, ids: set[str]) -> None:
        """Cancel jobs."""


def job_resources(options: Mapping[str, Any], group: Group, processes: int) -> dict[str, Any]:
    """Give what one task needs: the options, and what the group's variants want in ``@`` columns."""
    found = {
        name: parse_resource(name, options[name]) for name in (*NUMBERS, *WORDS, "time") if options.get(name)
    }
    wanted = group.wanted
    for name in NUMBERS:
        if wanted.get(name):
            most = (wanted[name] + (OVERHEAD_BYTES if name == "memory" else 0)) * processes
            found[name] = max(most, found.get(name, 0))
    found |= {name: wanted[name] for name in WORDS if wanted.get(name)}
    if "time" in found:
        found["time"] = max(found["time"], group.seconds + 60)
    return found


def worker_options(group: Group, linger: float, processes: int, seconds: float | None) -> list[str]:
    """Give the options of a worker that serves a group and drains before its ``seconds`` are over."""
    words = ["--linger", f"{linger:g}", "--processes", str(processes)]
    words += ["--until", f"{seconds - drain_margin(seconds):g}"] if seconds else []
    return words + (["--resources", group.resources] if group.resources is not None else [])


def drain_margin(seconds: float | None) -> int:
    """Give how long before its time limit a worker starts no new variant.

    >>> drain_margin(None), drain_margin(3600), drain_margin(120)
    (60, 60, 12)
    """
    return 60 if seconds is None else max(5, min(60, int(seconds / 10)))


def make_script(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Give the batch script of one task: it becomes the worker, so that Slurm's signals reach that."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in sorted(environment.items())]
    return "\n".join(["#!/bin/bash", *exports, HOME, f"exec {shlex.join(command)} {WHICH_PART}", ""])


def sbatch_arguments(request: JobRequest) -> list[str]:
    """Give a request as arguments of sbatch."""
    drain = f"--signal=B:USR1@{request.drain_seconds}"
    words = [
        f"--job-name={request.name}", f"--array=0-{request.tasks - 1}", f"--chdir={request.folder}",
        f"--output={request.output}", "--open-mode=append", "--requeue", "--ntasks=1", drain,
    ]  # fmt: skip
    flags = {"cpus": "--cpus-per-task", "gpus": "--gpus", **{name: f"--{name}" for name in WORDS}}
    for name, value in request.resources.items():
        if name == "memory":
            words.append(f"--mem={mebibytes(value)}M")
        elif name == "time":
            words.append(f"--time={minutes(value)}")
        else:
            words.append(f"{flags[name]}={value}")
    return words


def mebibytes(amount: int) -> int:
    """Give bytes in MiB, rounded up."""
    return math.ceil(amount / (1 << 20))


def minutes(seconds: float) -> int:
    """Give seconds in minutes, rounded up as Slurm does."""
    return max(1, math.ceil(seconds / 60))
