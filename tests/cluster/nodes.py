"""Kill nodes of the local cluster, cut them off, and bring them back: real failures, as far as Kubernetes can tell."""

import contextlib
import json
from collections.abc import Iterator

from tests.cluster import engine
from tests.cluster.steps import run

NETWORK = "kind"


def names(cluster: str = "hpc") -> list[str]:
    """Container names of all nodes, running or not; the control plane first."""
    label = f"label=io.x-k8s.kind.cluster={cluster}"
    found = run([engine.docker(), "ps", "--all", "--filter", label, "--format", "{{.Names}}"]).split()
    return sorted(found, key=lambda name: ("control-plane" not in name, name))


def states(cluster: str = "hpc") -> dict[str, str]:
    """State of each node's container: running, exited, …"""
    inspect = [engine.docker(), "inspect", "-f", "{{.State.Status}}"]
    return {name: run([*inspect, name]).strip() for name in names(cluster)}


def kill(node: str) -> None:
    """Stop a node at once, as a power cut does."""
    run([engine.docker(), "kill", node])


def start(node: str) -> None:
    """Power a killed node on."""
    run([engine.docker(), "start", node])


@contextlib.contextmanager
def cut_off(node: str) -> Iterator[None]:
    """Take a node off the network while the block runs; it gets the same address back."""
    client = engine.docker()
    networks = json.loads(run([client, "inspect", "-f", "{{json .NetworkSettings.Networks}}", node]))
    address = networks[NETWORK]["IPAddress"]
    run([client, "network", "disconnect", NETWORK, node])
    try:
        yield
    finally:
        run([client, "network", "connect", "--ip", address, NETWORK, node])
