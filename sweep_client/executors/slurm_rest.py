"""Slurm by its REST interface, slurmrestd v0.0.42 (Slurm 24.11), with a JSON web token; no command of Slurm is needed.

A token comes from a file of mode 0600, the variable ``SLURM_JWT`` or the keyring (service ``sweep_client``, the user's
name), in this order, and is read again for each question, so that a renewed one is used.
"""

from __future__ import annotations

import getpass
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_client.errors import ExecutorError, InputRefused
from sweep_client.executors.slurm_job import JobRequest, SiteLimits, mebibytes, minutes
from sweep_client.executors.slurm_states import Task, plain_refusal

if TYPE_CHECKING:
    import httpx

VERSION = "v0.0.42"
SECONDS = 30
# slurmrestd says 511 where slurmctld refuses a token that has expired.
TOKEN_REFUSED = (401, 511)
# The interface does not tell MaxArraySize; this is Slurm's default.
DEFAULT_ARRAY_SIZE = 1001
WORDS = {"partition": "partition", "account": "account", "qos": "qos", "constraint": "constraints", "nodelist": "required_nodes"}  # fmt: skip


class RestTransport:
    """Asks Slurm by HTTP."""

    def __init__(self, url: str, *, user: str | None = None, token_file: str | None = None) -> None:
        if not url:
            raise InputRefused(
                "the transport rest needs to know where slurmrestd answers: -O url=http://HOST:6820"
            )
        self._url = url.rstrip("/")
        self._user = user or getpass.getuser()
        self._token_file = token_file
        self._client: httpx.Client | None = None

    def limits(self) -> SiteLimits:
        """Assume Slurm's default, since the interface does not tell."""
        return SiteLimits(DEFAULT_ARRAY_SIZE)

    def submit(self, request: JobRequest) -> str:
        """Submit an array; give its id."""
        answer = self._ask(
            "POST",
            f"/slurm/{VERSION}/job/submit",
            {"script": request.script, "job": job_description(request)},
        )
        return str(answer["job_id"])

    def tasks(self, ids: set[str]) -> list[Task]:
        """Give the tasks of jobs by one question for all jobs."""
        jobs = self._ask("GET", f"/slurm/{VERSION}/jobs/")["jobs"]
        found = [Task(_array(job), job["job_state"][0], job.get("state_reason", "")) for job in jobs]
        return [task for task in found if task.job in ids]

    def history(self, ids: set[str]) -> list[Task]:
        """Ask accounting, where there is any."""
        tasks = []
        for identity in sorted(ids):
            try:
                jobs = self._ask("GET", f"/slurmdb/{VERSION}/job/{identity}")["jobs"]
            except ExecutorError:
                return []
            tasks += [Task(identity, job["state"]["current"][0]) for job in jobs]
        return tasks

    def cancel(self, ids: set[str]) -> None:
        """Cancel jobs."""
        for identity in sorted(ids):
            self._ask("DELETE", f"/slurm/{VERSION}/job/{identity}")

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, method: str, path: str, content: Any = None) -> dict[str, Any]:
        import httpx

        if self._client is None:
            self._client = httpx.Client(base_url=self._url, timeout=SECONDS)
        headers = {
            "X-SLURM-USER-NAME": self._user,
            "X-SLURM-USER-TOKEN": read_token(self._token_file, self._user),
        }
        try:
            response = self._client.request(method, path, json=content, headers=headers)
        except httpx.HTTPError as error:
            raise ExecutorError(
                f"{self._url}: slurmrestd cannot be reached: {error or type(error).__name__}"
            ) from None
        return self._answer(response)

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        if response.status_code == 404:
            raise ExecutorError(f"{self._url}: no interface {VERSION} there; it is the one of Slurm 24.11")
        try:
            answer: dict[str, Any] = response.json()
        except ValueError:
            raise ExecutorError(
                f"{self._url}: answered {response.status_code} with no JSON; is that slurmrestd?"
            ) from None
        errors = [_said(entry) for entry in answer.get("errors") or []]
        said = "; ".join(filter(None, errors)) or f"answered {response.status_code}"
        if response.status_code in TOKEN_REFUSED or "uthentication" in said:
            raise ExecutorError(
                f"{self._url}: the token of {self._user} was refused or has expired; make a new one on the frontend "
                "with: scontrol token lifespan=86400, and put it into SLURM_JWT or the token file"
            )
        if errors or response.is_error:
            raise ExecutorError(f"slurmrestd: {said}\n  {plain_refusal(said)}")
        return answer


def job_description(request: JobRequest) -> dict[str, Any]:
    """Give a request as the job of slurmrestd."""
    job: dict[str, Any] = {
        "name": request.name, "array": f"0-{request.tasks - 1}", "tasks": 1, "requeue": True,
        "current_working_directory": request.folder, "standard_output": request.output, "open_mode": ["APPEND"],
        "environment": [f"{name}={value}" for name, value in (request.environment or {"PATH": "/usr/bin:/bin"}).items()],
        "kill_warning_flags": ["BATCH_JOB"], "kill_warning_signal": "USR1",
        "kill_warning_delay": _number(request.drain_seconds),
    }  # fmt: skip
    for name, value in request.resources.items():
        if name == "memory":
            job["memory_per_node"] = _number(mebibytes(value))
        elif name == "time":
            job["time_limit"] = _number(minutes(value))
        elif name == "cpus":
            job["cpus_per_task"] = value
        elif name == "gpus":
            job["tres_per_job"] = f"gres/gpu:{value}"
        else:
            job[WORDS[name]] = value
    return job


def read_token(file: str | None, user: str) -> str:
    """Find the token.

    Raises:
        InputRefused: there is none, or others may read its file.
    """
    if file:
        return _from_file(Path(file).expanduser())
    found = os.environ.get("SLURM_JWT") or _from_keyring(user)
    if not found:
        raise InputRefused(
            "no token: set SLURM_JWT, or name a file of mode 0600 with -O token_file=FILE, or store it with: "
            f"keyring set sweep_client {user}"
        )
    return found.strip().removeprefix("SLURM_JWT=")


def _from_file(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise InputRefused(f"{path}: others may read this token; first: chmod 600 {path}")
        return path.read_text().strip().removeprefix("SLURM_JWT=")
    except OSError as error:
        raise InputRefused(f"{path}: the token cannot be read: {error.strerror}") from None


def _from_keyring(user: str) -> str | None:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        return None
    found: str | None = keyring.get_password("sweep_client", user)
    return found


def _said(error: dict[str, Any]) -> str:
    return ": ".join(error[name] for name in ("error", "description") if error.get(name))


def _array(job: dict[str, Any]) -> str:
    array = job.get("array_job_id") or {}
    return str(array.get("number") or job["job_id"])


def _number(value: int) -> dict[str, Any]:
    return {"set": True, "infinite": False, "number": value}
