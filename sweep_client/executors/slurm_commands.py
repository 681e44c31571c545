"""Slurm by its own commands (sbatch, squeue, sacct, scancel, scontrol): here, or wherever ``run`` takes them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence

from sweep_client.errors import ExecutorError
from sweep_client.executors.slurm_job import JobRequest, SiteLimits, sbatch_arguments
from sweep_client.executors.slurm_states import Task, plain_refusal

COMMANDS = ("sbatch", "squeue", "scancel", "scontrol")
SECONDS = 60

# Runs a command with a text on its standard input; gives exit code, output and errors.
Run = Callable[[Sequence[str], str], tuple[int, str, str]]


def run_here(command: Sequence[str], text: str) -> tuple[int, str, str]:
    """Run a command on this machine."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except FileNotFoundError:
        return (
            127,
            "",
            f"there is no {command[0]} on this machine; log in to the frontend, or say -O host=USER@FRONTEND or -O url=URL",
        )
    except subprocess.TimeoutExpired:
        return 124, "", f"{command[0]} timed out after {SECONDS} s"
    return done.returncode, done.stdout, done.stderr


def missing_commands() -> list[str]:
    """Give the commands of Slurm that are not on PATH."""
    return [name for name in COMMANDS if shutil.which(name) is None]


class CommandTransport:
    """Asks Slurm by its commands."""

    def __init__(self, run: Run = run_here) -> None:
        self._run = run

    def limits(self) -> SiteLimits:
        """Read MaxArraySize of the site and MaxSubmitJobs of the user's associations and QOS."""
        code, out, _ = self._run(["scontrol", "show", "config"], "")
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", out, re.MULTILINE) if code == 0 else None
        has_accounting = re.search(r"^AccountingStorageType\s*=\s*\S*slurmdbd", out, re.MULTILINE)
        # MaxArraySize is one more than the highest index.
        return SiteLimits(int(found[1]) if found else None, self._submit_limit() if has_accounting else None)

    def submit(self, request: JobRequest) -> str:
        """Submit an array; give its id."""
        # NIL: what a job needs is in its script, and nothing else of this environment leaves.
        out = self._ask(["sbatch", "--parsable", "--export=NIL", *sbatch_arguments(request)], request.script)
        return out.strip().split(";")[0]

    def tasks(self, ids: set[str]) -> list[Task]:
        """Give the tasks of jobs by one question for all jobs of this user: an unknown id is then no error."""
        out = self._ask(["squeue", "--me", "--noheader", "--states=all", "--format=%F|%T|%r"])
        tasks = [Task(*line.strip().split("|", 2)) for line in out.splitlines() if line.count("|") >= 2]
        return [task for task in tasks if task.job in ids]

    def history(self, ids: set[str]) -> list[Task]:
        """Ask accounting, where there is any."""
        query = [
            "sacct",
            "--allocations",
            "--noheader",
            "--parsable2",
            "--format=JobID,State",
            f"--jobs={','.join(sorted(ids))}",
        ]
        code, out, _ = self._run(query, "")
        rows = [line.split("|", 1) for line in out.splitlines() if "|" in line] if code == 0 else []
        return [Task(identity.split("_")[0], state) for identity, state in rows]

    def cancel(self, ids: set[str]) -> None:
        """Cancel jobs."""
        self._ask(["scancel", *sorted(ids)])

    def _submit_limit(self) -> int | None:
        query = ["sacctmgr", "--noheader", "--parsable2", "show", "user", "withassoc", "format=MaxSubmitJobs"]
        code, out, _ = self._run(query, "")
        numbers = [int(word) for word in out.replace("|", " ").split() if word.isdigit()] if code == 0 else []
        return min(numbers, default=None)

    def _ask(self, command: Sequence[str], text: str = "") -> str:
        code, out, err = self._run(command, text)
        if code:
            said = (err or out).strip()
            raise ExecutorError(f"{shlex.join(command[:1])}: {said}\n  {plain_refusal(said)}")
        return out
