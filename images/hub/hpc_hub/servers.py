"""A user's server as a job of his in Slurm, where the profile that he chose says so; any other is KubeSpawner's pod.

Nothing that a user types reaches the job's script, which is the same for everybody, and no call of a server sets anything in the
hub: the hub picks the port, Slurm says on which node the job runs, and what answers there must prove that it is the server
before the proxy sends anybody's cookies to it.
"""

import asyncio
import hmac
import html
import random
import secrets
import time
from collections.abc import AsyncIterator
from functools import cached_property
from typing import Any

from kubernetes_asyncio.client.rest import ApiException
from kubespawner import KubeSpawner
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from traitlets import Dict

from .server_job import LOG, SCRIPT, description
from .slurm import Job, Refused, Slurm, Unreachable
from .slurm_words import plain_end, plain_reason
from .spawner import account, refusal

# What chart slurm lets the proxy reach on its workers.
PORTS = range(10500, 10600)
POLL_SECONDS = 5
PROOF_SECONDS = 5
CONNECT_SECONDS = 2
STARTING_TRIES = 3
CANCEL_SECONDS = 30
# A server is off the proxy before Slurm ends its job, whose port is anybody's then.
BEFORE_THE_END = 15
HUB_TOKEN_SECONDS = 60
NOT_STARTED = "Your server could not be started as a Slurm job."


class NoServer(web.HTTPError):
    """A start that ends without a server; the message is shown on the spawn page."""

    def __init__(self, message: str) -> None:
        super().__init__(500, "%s", message)
        self.jupyterhub_message = message


class HpcSpawner(KubeSpawner):
    """Starts pods, and jobs for profiles with `slurm`."""

    slurm_services = Dict(
        help="Where slurmrestd (restUrl) and its tokens (tokensUrl) are, and the nodes' domain (nodes)."
    ).tag(config=True)
    job = Dict(help="What a profile asks of Slurm: partition, cpus, memory, timeMinutes.")
    # Whether profiles are asked for a start, not for the form (choices.py).
    is_starting = False

    # The job's number, and where its server is; all of it is kept over a restart of the hub.
    job_id = ""
    job_address: tuple[str, int] | None = None
    proof_key = ""
    # Why the last server went, for whoever starts the next.
    last_end = ""
    _is_chosen = False
    _news = ""

    @cached_property
    def slurm(self) -> Slurm:
        """Slurm as the server's owner sees it."""
        services = self.slurm_services
        return Slurm(
            self.user.name,
            rest_url=services["restUrl"],
            tokens_url=services["tokensUrl"],
            hub_token=self._hub_token,
        )

    def get_state(self) -> dict[str, Any]:
        """What finds the server again."""
        own = {
            "id": self.job_id,
            "address": self.job_address,
            "key": self.proof_key,
            "last_end": self.last_end,
        }
        return {**super().get_state(), "job": own}

    def load_state(self, state: dict[str, Any]) -> None:
        """Find a server that runs, or how the last one ended."""
        super().load_state(state)
        own = state.get("job", {})
        self.job_id, self.proof_key = own.get("id", ""), own.get("key", "")
        self.job_address = tuple(own["address"]) if own.get("address") else None
        self.last_end = own.get("last_end", "")
        if self.job_id:
            self.poll_interval = POLL_SECONDS

    def clear_state(self) -> None:
        """Forget the job, but not how it ended."""
        super().clear_state()
        self.job_id, self.job_address, self.proof_key = "", None, ""

    async def get_options_form(self) -> str:
        """KubeSpawner's choices, below what became of the last server."""
        form: str = await super().get_options_form()
        if not self.last_end:
            return form
        return f'<div class="alert alert-warning" role="alert">{html.escape(self.last_end)}</div>{form}'

    async def load_user_options(self) -> None:
        """As KubeSpawner does it; what cannot be had is said on the spawn page."""
        self.is_starting = True
        try:
            await super().load_user_options()
        except Refused as error:
            raise NoServer(f"{NOT_STARTED} {error}") from None
        finally:
            self.is_starting = False

    async def start(self) -> Any:
        """Start what the profile says."""
        self.last_end = ""
        await self.load_user_options()
        self._is_chosen = True
        if not self.job:
            try:
                return await super().start()
            except ApiException as error:
                raise NoServer(refusal(error)) from None
        try:
            return await asyncio.wait_for(self._start_job(), max(1, self.start_timeout - POLL_SECONDS))
        except TimeoutError:
            raise NoServer(
                f"Your server did not start in {self.start_timeout} s: its job {self._news}. It is cancelled; try again later, "
                "or ask for less."
            ) from None
        except (Refused, Unreachable) as error:
            raise NoServer(f"{NOT_STARTED} {error}") from None

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the job waits for, each time that it changes."""
        # A page may ask before the start has come to the profile.
        while not self._is_chosen:
            await asyncio.sleep(0.1)
        if not self.job:
            async for event in super().progress():
                yield event
            return
        said = ""
        while True:
            if self._news != said:
                said = self._news
                yield {"progress": 50 if self.job_id else 10, "message": f"Slurm job {self.job_id} {said}"}
            await asyncio.sleep(0.5)

    async def poll(self) -> int | None:
        """None while the job runs or waits."""
        if not self.job_id:
            status: int | None = await super().poll()
            return status
        if self._check_pending and await self._is_still_there():
            return None
        try:
            job = await self.slurm.find(self.job_id)
        except (Refused, Unreachable) as error:
            self.log.warning("job %s of %s: %s", self.job_id, self.user.name, error)
            if not self._check_pending:
                return None
            await asyncio.sleep(1)
            return await self.poll()
        if job is None or not (job.runs or job.waits):
            return self._ended(_end_of(job))
        if self._start_pending:
            return None
        if self.job_address is None:
            # Nobody waits for it any more: its start has failed, or the hub was restarted meanwhile.
            await self.stop()
            return 1
        if job.ends_at and job.ends_at - time.time() < BEFORE_THE_END:
            return self._ended(plain_end("TIMEOUT"))
        if await self._proven(*self.job_address) is False:
            self.log.error("job %s of %s: something else answers at its address", self.job_id, self.user.name)
            await self.stop()
            return self._ended("was cancelled: something else answered at its address")
        return None

    async def stop(self, now: bool = False) -> None:
        """Cancel the job and wait until its processes are gone."""
        if not self.job_id:
            await super().stop(now)
            return
        end = time.monotonic() + CANCEL_SECONDS
        while time.monotonic() < end:
            try:
                await self.slurm.cancel(self.job_id)
                job = await self.slurm.find(self.job_id)
                if job is None or not (job.waits or job.runs or job.is_ending):
                    return
            except Unreachable as error:
                self.log.warning("job %s of %s: %s", self.job_id, self.user.name, error)
            await asyncio.sleep(1)
        self.log.error("job %s of %s does not end", self.job_id, self.user.name)

    async def _start_job(self) -> tuple[str, int]:
        port = random.choice(sorted(set(PORTS) - self._own_ports()))  # noqa: S311
        self.proof_key = secrets.token_hex(32)
        self.job_id = await self.slurm.submit(SCRIPT, self._description(port))
        # Else a hub that is restarted now would not know of the job.
        self.orm_spawner.state = self.get_state()
        self.db.commit()
        while True:
            job = await self._look()
            if job is not None and job.runs and job.node:
                self._news = f"runs on {job.node}; JupyterLab is starting"
                self.job_address = (f"{job.node}.{self.slurm_services['nodes']}", port)
                if await self._proven(*self.job_address):
                    self.poll_interval = POLL_SECONDS
                    return self.job_address
            await asyncio.sleep(1)

    async def _look(self) -> Job | None:
        try:
            job = await self.slurm.find(self.job_id)
        except Unreachable as error:
            self.log.warning("job %s of %s: %s", self.job_id, self.user.name, error)
            return None
        if job is None or not (job.runs or job.waits):
            self._ended(_end_of(job))
            raise NoServer(self.last_end)
        if job.waits:
            self._news = f"{plain_reason(job.reason) or 'is about to start'} (queue {self.job['partition']})"
        return job

    def _description(self, port: int) -> dict[str, Any]:
        environment = {**self.get_env(), "HPC_PROOF_KEY": self.proof_key}
        environment["JUPYTERHUB_SERVICE_URL"] = f"http://0.0.0.0:{port}{self.server.base_url}"
        return description(self.job, f"/home/{account(self).name}", environment)

    def _ended(self, how: str) -> int:
        """Keep why the server went, and give poll's answer."""
        log = LOG.replace("%j", self.job_id)
        self.last_end = f"Your server, Slurm job {self.job_id}, {how}. Its log is ~/{log}"
        return 1

    async def _is_still_there(self) -> bool:
        """Whether the server proves itself while the hub starts: the token service gets no answer from a hub that is not up, and
        a hub that has to wait for one takes servers off the proxy.
        """
        for _ in range(STARTING_TRIES):
            if self.job_address and await self._proven(*self.job_address):
                return True
            await asyncio.sleep(1)
        return False

    async def _proven(self, host: str, port: int) -> bool | None:
        """Whether what answers at an address knows the server's key; None when nothing answers."""
        nonce = secrets.token_hex(16)
        url = f"http://{host}:{port}{self.server.base_url}hpc/proof?nonce={nonce}"
        client = AsyncHTTPClient(force_instance=True)
        try:
            reply = await client.fetch(
                url,
                connect_timeout=CONNECT_SECONDS,
                request_timeout=PROOF_SECONDS,
                follow_redirects=False,
                raise_error=False,
            )
        except (OSError, HTTPClientError):
            return None
        finally:
            client.close()
        expected = hmac.digest(self.proof_key.encode(), nonce.encode(), "sha256").hex()
        return hmac.compare_digest(reply.body, expected.encode())

    def _own_ports(self) -> set[int]:
        """Ports of the user's other servers, which may be on the same node."""
        return {spawner.server.port for spawner in self.user.spawners.values() if spawner.server}

    def _hub_token(self) -> str:
        """A token by which the token service sees whose server this is."""
        token: str = self.user.new_api_token(
            note="Slurm for a server",
            expires_in=HUB_TOKEN_SECONDS,
            scopes=[f"access:servers!user={self.user.name}"],
        )
        return token


def _end_of(job: Job | None) -> str:
    return (
        plain_end(job.state, job.exit_code, job.signal)
        if job
        else "is gone, and Slurm does not know it any more"
    )
