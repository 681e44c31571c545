"""A release of the chart on a cluster, a kernel client beside it, and what can befall the server."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.cluster import nodes, uml
from tests.kube import Namespace

RELEASE = "nfs"
SERVER = "nfs-nfs-0"
MOUNT_OPTIONS = "nfsvers=4.2,hard,timeo=50,retrans=2,noatime"
# As kind makes it; the guest reaches Services through a node, as a machine beside the cluster would.
SERVICE_NETWORK = "10.96.0.0/16"
ADA, GRACE = 20001, 20002


@dataclass(frozen=True)
class Outcome:
    """What a client saw while something befell the server."""

    acknowledged: int
    records: int
    rest: int
    stall: float
    error: str

    @property
    def lost(self) -> int:
        """Acknowledged records that are not in the file."""
        return max(0, self.acknowledged - self.records)


@dataclass
class Site:
    """The server's release in one namespace."""

    namespace: Namespace

    def install(self, *arguments: str, values: dict[str, Any] | None = None) -> None:
        """Install or upgrade the release; its volume can be used from every node."""
        own: dict[str, Any] = {
            "users": {"ada": {"uid": ADA}, "grace": {"uid": GRACE}},
            "persistence": {"storageClass": "shared", "size": "1Gi", "keep": False},
            "service": {"keep": False},
            "networkPolicy": {"nodeCidrs": ["172.16.0.0/12"]},
            "metrics": {"enabled": True},
        }
        self.namespace.install(RELEASE, "charts/nfs", *arguments, values={**own, **(values or {})})

    @property
    def address(self) -> str:
        """The ClusterIP."""
        return str(self.namespace.get("service", "nfs-nfs")["spec"]["clusterIP"])

    @property
    def node(self) -> str:
        """Where the server runs."""
        return str(self.namespace.get("pod", SERVER)["spec"]["nodeName"])

    def server(self, *command: str, check: bool = True) -> str:
        """Run a command beside the server."""
        return self.namespace.exec(SERVER, *command, container="nfs", check=check).out

    @property
    def uid(self) -> str:
        """Of the server's pod."""
        return str(self.namespace.get("pod", SERVER)["metadata"]["uid"])

    def wait_ready(self, not_uid: str = "") -> None:
        """Wait until a server is ready that is not the pod with this uid."""

        def ready() -> bool:
            found = self.namespace.kubectl("get", "pod", SERVER, "--output=json", check=False)
            pod: dict[str, Any] = json.loads(found.out) if found.code == 0 else {}
            conditions = {
                entry["type"]: entry["status"] for entry in pod.get("status", {}).get("conditions", [])
            }
            return bool(pod) and pod["metadata"]["uid"] != not_uid and conditions.get("Ready") == "True"

        self.namespace.wait_for("the server is ready", ready, timeout=180, every=0.05)

    def kill(self) -> None:
        """Kill the server's process; the container starts again in the same pod."""
        self.server("bash", "-c", "kill -9 $(cat /run/ganesha/pid)", check=False)

    def delete(self, *, force: bool = False) -> None:
        """Delete the pod and wait for the next one, which has another address."""
        uid = self.uid
        how = ["--grace-period=0", "--force"] if force else []
        self.namespace.kubectl("delete", "pod", SERVER, "--wait=false", *how)
        self.wait_ready(uid)

    def move(self, *, force: bool = False) -> None:
        """Make the pod run on another node."""
        node = self.node
        self.namespace.kubectl("cordon", node)
        try:
            self.delete(force=force)
        finally:
            self.namespace.kubectl("uncordon", node)
        assert self.node != node


@contextlib.contextmanager
def guest(image: str, number: int = 9, *, memory: str = "256M", megabytes: int = 1024) -> Iterator[uml.Guest]:
    """A kernel client on the nodes' network."""
    uml.ensure()
    started = uml.boot(
        f"client-{number}",
        uml.disk(image, megabytes=megabytes),
        uml.free_address(number),
        [(SERVICE_NETWORK, nodes.address(nodes.names()[0]))],
        memory=memory,
    )
    try:
        yield started
    finally:
        started.stop()


def mount(client: uml.Guest, source: str, folder: str = "/mnt/home", options: str = MOUNT_OPTIONS) -> None:
    """Mount an export in the guest."""
    client.run("modprobe", "nfsv4")
    client.run("mkdir", "-p", folder)
    client.run("mount", "-t", "nfs4", "-o", options, source, folder)


@contextlib.contextmanager
def appending(client: uml.Guest, path: str, *, uid: int = ADA) -> Iterator[Callable[[float], Outcome]]:
    """Append to a locked, open file while the block runs; the given function waits, stops that and says what happened."""
    stop = f"/tmp/{path.rsplit('/', 1)[1]}.stop"
    started = stop.replace(".stop", ".started")
    client.run("rm", "-f", stop, started)
    with ThreadPoolExecutor(1) as pool:
        running: Future[uml.Done] = pool.submit(
            client.run, "python3", "/opt/workload.py", path, uid=uid, timeout=600
        )
        # Only a writer that is at work can be disturbed: after a restart it may have to wait for the lock first.
        while client.run("test", "-e", started, check=False).code and not running.done():
            time.sleep(0.5)
        time.sleep(1)

        def finish(after: float) -> Outcome:
            time.sleep(after)
            client.run("touch", stop)
            return Outcome(**json.loads(running.result().out))

        try:
            yield finish
        finally:
            client.run("touch", stop)
