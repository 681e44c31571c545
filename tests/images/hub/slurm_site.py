"""A slurmrestd, a token service and a node with a server, as the hub meets them; and a spawner of a user's beside them."""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from jupyterhub.objects import Hub
from jupyterhub.orm import Server
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from traitlets.config import Config

from images.hub.hpc_hub import choices, servers
from images.hub.hpc_hub.servers import HpcSpawner

JOB = {"partition": "notebooks", "cpus": 2, "memory": "1.5G", "timeMinutes": 480}
POD = {"display_name": "Pod", "slug": "pod", "description": "", "kubespawner_override": {}}
PENDING = {"job_state": ["PENDING"], "state_reason": "Resources"}
# With the domain 0.1 it is this machine.
RUNNING = {"job_state": ["RUNNING"], "nodes": "127.0"}
CANCELLED = {"job_state": ["CANCELLED"]}


def partition(name: str, minutes: int = 0, *, state: str = "UP", **maximums: Any) -> dict[str, Any]:
    """A partition as slurmrestd tells it; no minutes: no limit."""
    time = {"set": bool(minutes), "infinite": not minutes, "number": minutes}
    return {"name": name, "partition": {"state": [state]}, "maximums": {"time": time, **maximums}}


def node(name: str, cpus: int, mebibytes: int, *partitions: str, **more: Any) -> dict[str, Any]:
    """A node as slurmrestd tells it."""
    told = {"name": name, "cpus": cpus, "real_memory": mebibytes, "partitions": list(partitions)}
    return {**told, "state": ["IDLE"], **more}


class Site:
    """A slurmrestd, a token service and a node with a server, all of which answer as a test says."""

    def __init__(self) -> None:
        # What becomes of the job: one entry a question, the last for ever.
        self.jobs: list[Any] = [RUNNING]
        self.refusal = ""
        # What the cluster has.
        self.partitions = [partition("notebooks", 720), partition("long")]
        self.nodes = [node("n-0", 4, 15 * 1024, "notebooks"), node("l-0", 12, 60_000, "long")]
        self.silent_seconds = 0.0
        self.away = False
        # How many times the token service finds the hub too busy to say who asks.
        self.busy = 0
        self.proof: Callable[[str, str], str] = lambda key, nonce: hmac.digest(
            key.encode(), nonce.encode(), "sha256"
        ).hex()
        self.submitted: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.headers: list[Any] = []

    def job(self) -> Any:
        """What Slurm says of the job at this question."""
        return self.jobs.pop(0) if len(self.jobs) > 1 else self.jobs[0]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the job that was submitted last."""
        return dict(entry.split("=", 1) for entry in self.submitted[-1]["job"]["environment"])


class Rest(RequestHandler):
    """The three questions of slurmrestd."""

    def initialize(self, site: Site) -> None:
        self.site = site

    def prepare(self) -> None:
        self.site.asked.append((str(self.request.method), self.request.path.split("/job/")[1]))
        self.site.headers.append(self.request.headers)
        if self.site.away:
            self.send_error(502)

    def post(self, *_: str) -> None:
        self.site.submitted.append(json.loads(self.request.body))
        errors = [{"error": self.site.refusal, "error_number": 2000}] if self.site.refusal else []
        self.finish({"job_id": 17, "errors": errors})

    def get(self, *_: str) -> None:
        job = self.site.job()
        gone = {"errors": [{"error": "Invalid job id specified", "error_number": 2017}]}
        self.finish({"jobs": [job], "errors": []} if job else gone)

    def delete(self, *_: str) -> None:
        if self.site.jobs[-1] != CANCELLED:
            self.site.jobs = [{"job_state": ["CANCELLED", "COMPLETING"]}, CANCELLED]
        self.finish({"errors": []})


class Cluster(RequestHandler):
    """What slurmrestd says of partitions and nodes."""

    def initialize(self, site: Site) -> None:
        self.site = site

    async def get(self, what: str) -> None:
        self.site.asked.append(("GET", what))
        self.site.headers.append(self.request.headers)
        await asyncio.sleep(self.site.silent_seconds)
        if self.site.away:
            self.send_error(502)
            return
        self.finish({what: getattr(self.site, what), "errors": []})


class Tokens(RequestHandler):
    """The token service."""

    def initialize(self, site: Site) -> None:
        self.site = site

    def post(self) -> None:
        self.site.asked.append(("TOKEN", self.request.headers["Authorization"]))
        if self.site.busy:
            self.site.busy -= 1
            self.set_status(502)
            self.finish({"message": "the hub does not answer"})
            return
        self.finish({"user": "ada", "token": "a.b.c", "expires": time.time() + 600, "lifespan": 600})


class Proof(RequestHandler):
    """What listens at the server's port."""

    def initialize(self, site: Site) -> None:
        self.site = site

    def get(self) -> None:
        self.finish(self.site.proof(self.site.environment["HPC_PROOF_KEY"], self.get_argument("nonce")))


@asynccontextmanager
async def served(site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Have the site's services at one port, and the port picked for servers be that one."""
    listener, port = bind_unused_port()
    monkeypatch.setattr(servers, "PORTS", range(port, port + 1))
    pages = [
        ("/slurm/v0.0.42/job/(.*)", Rest),
        ("/slurm/v0.0.42/(partitions|nodes)/", Cluster),
        ("/token", Tokens),
        ("/user/ada/hpc/proof", Proof),
    ]
    server = HTTPServer(Application([(path, page, {"site": site}) for path, page in pages]))
    server.add_socket(listener)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        await server.close_all_connections()


def made(url: str, *, state: dict[str, Any] | None = None, job: Any = JOB, start_timeout: int = 60) -> Any:
    """A spawner of ada's, as the hub makes it for a profile; beside one that offers choices there is one of pods."""
    user = MagicMock(
        spec_set=["name", "id", "url", "escaped_name", "settings", "spawners", "new_api_token"],
        url="/user/ada/",
        id=1,
    )
    user.name = user.escaped_name = "ada"
    user.settings, user.spawners = {}, {}
    user.new_api_token.return_value = "of-the-hub"
    orm = MagicMock()
    orm.name = ""
    orm.server = Server(proto="http", ip="", port=8888, base_url="/user/ada/", cookie_name="")
    c = Config()
    c.HpcSpawner.slurm_services = {"restUrl": url, "tokensUrl": url, "nodes": "0.1"}
    is_open = "partitions" in (job or {})
    profile = {
        "display_name": "Slurm",
        "slug": "slurm",
        "description": "A job",
        "default": is_open,
        "kubespawner_override": {"job": job},
    }
    c.KubeSpawner.profile_list = choices.profile_list([POD, profile]) if is_open else [profile] if job else []
    c.KubeSpawner.start_timeout = start_timeout
    with patch("kubespawner.spawner.load_config"), patch("kubespawner.spawner.shared_client"):
        found = HpcSpawner(config=c, user=user, hub=Hub(), orm_spawner=orm, db=MagicMock(), _mock=True)
    found.load_state(state or {})
    found.api_token = "of-the-server"
    found.user_options = {}
    return found
