"""Slurm for one user, by its REST interface: what the cluster has; submit a job, see it, cancel it. Knows nothing of servers.

The hub has no key of Slurm. For each user it asks the token service of chart `slurm`, showing a hub token of that user which
lives for a minute; what it gets is as good as what the user's own server would get.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse

from .slurm_words import plain_refusal

VERSION = "v0.0.42"
ANSWER_SECONDS = 20
# Slurm's numbers of two errors that are answers.
NO_SUCH_JOB = 2017
ALREADY_ENDED = 2021
NO_TOKEN: dict[str, Any] = {"expires": 0, "lifespan": 0}

WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "SUSPENDED", "STOPPED"}
RUNNING = {"RUNNING", "RESIZING", "SIGNALING"}


class Refused(Exception):
    """Slurm or its token service says no; the text is for the user."""


class Unreachable(Exception):
    """One of the two does not answer, which says nothing about the job."""


@dataclass(frozen=True)
class Job:
    """What Slurm says about a job."""

    state: str
    reason: str = ""
    node: str = ""
    exit_code: int = 0
    signal: int = 0
    ends_at: float = 0
    # Its end is decided, and some of its processes may still be there.
    is_ending: bool = False

    @property
    def waits(self) -> bool:
        """Whether it has yet to start."""
        return self.state in WAITING

    @property
    def runs(self) -> bool:
        """Whether its processes are there."""
        return self.state in RUNNING


class Slurm:
    """Slurm as one user sees it; `hub_token` makes a short-lived hub token of his."""

    def __init__(self, user: str, *, rest_url: str, tokens_url: str, hub_token: Callable[[], str]) -> None:
        self._user = user
        self._rest_url = rest_url
        self._tokens_url = tokens_url
        self._hub_token = hub_token
        self._token = NO_TOKEN

    async def submit(self, script: str, job: dict[str, Any]) -> str:
        """Submit a job; its number.

        Raises:
            Refused: Slurm does not take it.
            Unreachable: nobody answers.
        """
        answer = await self._ask("POST", "job/submit", {"script": script, "job": job})
        return str(answer["job_id"])

    async def find(self, number: str) -> Job | None:
        """What has become of a job; None when Slurm does not know it any more.

        Raises:
            Refused: Slurm does not say.
            Unreachable: nobody answers.
        """
        answer = await self._ask("GET", f"job/{number}", expected=NO_SUCH_JOB)
        jobs = answer.get("jobs") or []
        return _job(jobs[0]) if jobs else None

    async def cancel(self, number: str) -> None:
        """Cancel a job; one that has ended is no error.

        Raises:
            Refused: Slurm does not.
            Unreachable: nobody answers.
        """
        await self._ask("DELETE", f"job/{number}", expected=ALREADY_ENDED)

    async def cluster(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The partitions and the nodes that there are.

        Raises:
            Refused: Slurm does not say.
            Unreachable: nobody answers.
        """
        partitions = await self._ask("GET", "partitions/")
        nodes = await self._ask("GET", "nodes/")
        return partitions.get("partitions") or [], nodes.get("nodes") or []

    async def _ask(self, method: str, path: str, content: Any = None, *, expected: int = 0) -> dict[str, Any]:
        headers = {"X-SLURM-USER-NAME": self._user, "X-SLURM-USER-TOKEN": await self._slurm_token()}
        status, answer = await _call(f"{self._rest_url}/slurm/{VERSION}/{path}", method, headers, content)
        if status in (401, 403):
            self._token = NO_TOKEN
            raise Unreachable(f"slurmrestd refuses the token of {self._user}")
        errors = [error for error in answer.get("errors") or [] if error.get("error_number") != expected]
        if errors:
            raise Refused(
                plain_refusal("; ".join(str(each.get("error") or each.get("description")) for each in errors))
            )
        return answer

    async def _slurm_token(self) -> str:
        if self._token["expires"] - time.time() < self._token["lifespan"] / 2:
            headers = {"Authorization": f"token {self._hub_token()}"}
            status, answer = await _call(f"{self._tokens_url}/token", "POST", headers, {})
            if status != 200:
                # It is the hub's own lack of time that the service tells by 502.
                kind = Unreachable if status >= 500 else Refused
                raise kind(str(answer.get("message", f"the token service answers {status}")))
            self._token = answer
        return str(self._token["token"])


async def _call(url: str, method: str, headers: dict[str, str], content: Any) -> tuple[int, dict[str, Any]]:
    """Ask one of Slurm's services; a client of its own, so that a slow one does not hold up the hub's calls of the proxy."""
    client = AsyncHTTPClient(force_instance=True)
    try:
        reply: HTTPResponse = await client.fetch(
            url,
            method=method,
            headers={**headers, "Content-Type": "application/json"},
            body=None if content is None else json.dumps(content),
            request_timeout=ANSWER_SECONDS,
            raise_error=False,
        )
        answer = json.loads(reply.body)
    except (OSError, ValueError, HTTPClientError) as error:
        raise Unreachable(f"{url}: {error}") from None
    finally:
        client.close()
    return reply.code, answer if isinstance(answer, dict) else {}


def _job(told: dict[str, Any]) -> Job:
    code = told.get("exit_code") or {}
    return Job(
        state=told["job_state"][0],
        reason=told.get("state_reason") or "",
        node=told.get("nodes") or "",
        exit_code=number(code.get("return_code")),
        signal=number((code.get("signal") or {}).get("id")),
        ends_at=number(told.get("end_time")),
        is_ending="COMPLETING" in told["job_state"],
    )


def number(told: Any) -> int:
    """A number as Slurm writes it: `{"set": true, "infinite": false, "number": 1}`; 0 where it has none."""
    return (
        int(told["number"]) if isinstance(told, dict) and told.get("set") and not told.get("infinite") else 0
    )
