"""Kill nodes of the local cluster, cut them off, and bring them back: real failures, as far as Kubernetes can tell."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cluster import engine
from tests.cluster.errors import ClusterError
from tests.cluster.steps import run

NETWORK = "kind"
# Of cgroup v1 alone: in v2 a kill reaches frozen processes too.
FREEZER = Path("/sys/fs/cgroup/freezer/docker")
KILL_SECONDS = 120
# Before connection tracking and every other table, so that established connections stop too.
DROP_ALL = """
table inet cutoff {
  chain arriving { type filter hook prerouting priority -400; iifname "eth*" drop; }
  chain leaving { type filter hook postrouting priority 400; oifname "eth*" drop; }
}
"""


def names(cluster: str = "hpc") -> list[str]:
    """Container names of all nodes, running or not; the control plane first."""
    label = f"label=io.x-k8s.kind.cluster={cluster}"
    found = run([engine.docker(), "ps", "--all", "--filter", label, "--format", "{{.Names}}"]).split()
    return sorted(found, key=lambda name: ("control-plane" not in name, name))


def states(cluster: str = "hpc") -> dict[str, str]:
    """State of each node's container: running, exited, …"""
    inspect = [engine.docker(), "inspect", "-f", "{{.State.Status}}"]
    return {name: run([*inspect, name]).strip() for name in names(cluster)}


def ids(cluster: str = "hpc") -> list[str]:
    """Container ids of all nodes, in the order of `names`: the same cluster has the same ones after a restart."""
    return [run([engine.docker(), "inspect", "-f", "{{.Id}}", name]).strip() for name in names(cluster)]


def address(node: str) -> str:
    """Its address on the container network."""
    inspect = [
        engine.docker(),
        "inspect",
        "-f",
        f"{{{{.NetworkSettings.Networks.{NETWORK}.IPAddress}}}}",
        node,
    ]
    return run(inspect).strip()


def kill(node: str) -> None:
    """Stop a node at once, as a power cut does."""
    run([engine.docker(), "kill", node])
    end = time.monotonic() + KILL_SECONDS
    while run([engine.docker(), "inspect", "-f", "{{.State.Running}}", node]).strip() == "true":
        thaw()
        if time.monotonic() > end:
            raise ClusterError(f"{node} still runs {KILL_SECONDS} s after its kill", f"docker inspect {node}")
        time.sleep(0.2)


def thaw(cluster: str = "hpc") -> None:
    """Let go what runc held frozen while it started a container: killed then, it would never end, nor its node."""
    for container in ids(cluster):
        for state in (FREEZER / container).rglob("freezer.state"):
            with contextlib.suppress(FileNotFoundError):  # a cgroup that went in between
                if state.read_text().strip() != "THAWED":
                    state.write_text("THAWED")


def start(node: str) -> None:
    """Power a killed node on."""
    run([engine.docker(), "start", node])


@contextlib.contextmanager
def cut_off(node: str) -> Iterator[None]:
    """Drop all that a node sends and receives while the block runs; its processes, address and routes stay."""
    client = engine.docker()
    run([client, "exec", "-i", node, "nft", "--file", "-"], stdin=DROP_ALL)
    try:
        yield
    finally:
        run([client, "exec", node, "nft", "delete", "table", "inet", "cutoff"])
