"""The server dies or moves under a file that is open, locked and being appended to: nothing is lost, and the lock is kept."""

import time
from collections.abc import Callable

import pytest

from tests.charts.nfs import site as sites
from tests.charts.nfs.site import Outcome, Site
from tests.cluster import nodes, uml

pytestmark = [pytest.mark.e2e, pytest.mark.kills_nodes]

# Longer than the lease, after which a server may forget a client.
CUT_SECONDS = 15


def watch(guest: uml.Guest, path: str, befall: Callable[[], object], *, wait: float = 12) -> Outcome:
    """Append to `path` while something befalls the server, and for `wait` seconds more."""
    with sites.appending(guest, path) as finish:
        befall()
        return finish(wait)


def unharmed(outcome: Outcome, stall: float) -> None:
    """Nothing acknowledged is missing or changed, the lock and the descriptor work, the stall had an end.

    How short it is on a quiet machine, the benchmark measures (docs/performance.md).
    """
    assert outcome.error == ""
    assert outcome.lost == 0
    assert outcome.rest == 0
    assert outcome.stall <= stall, outcome


@pytest.mark.parametrize(
    ("name", "stall"),
    [
        ("kill", 90),
        ("move_by_force", 180),
        ("upgrade", 180),
        pytest.param("delete", 180, marks=pytest.mark.full),
        pytest.param("move", 180, marks=pytest.mark.full),
    ],
)
def test_nothing_is_lost_when_the_server_restarts(
    site: Site, guest: uml.Guest, home: str, name: str, stall: float
) -> None:
    ways: dict[str, Callable[[], object]] = {
        "kill": site.kill,
        "delete": site.delete,
        "move": site.move,
        "move_by_force": lambda: site.move(force=True),
        # Another log level is another configuration, so the pod is replaced.
        "upgrade": lambda: site.install(values={"server": {"logLevel": "INFO"}}),
    }
    unharmed(watch(guest, f"{home}/ada/{name}", ways[name]), stall)


def test_nothing_is_lost_when_a_client_is_cut_off_for_longer_than_its_lease(
    guest: uml.Guest, home: str
) -> None:
    def cut() -> None:
        with guest.cut_off():
            time.sleep(CUT_SECONDS)

    unharmed(watch(guest, f"{home}/ada/cut", cut, wait=15), CUT_SECONDS + 90)


@pytest.mark.full
def test_nothing_is_lost_when_the_servers_node_stops(site: Site, guest: uml.Guest, home: str) -> None:
    node = site.node
    taint = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"

    def lose_node() -> None:
        uid = site.namespace.get("pod", sites.SERVER)["metadata"]["uid"]
        nodes.kill(node)
        site.namespace.wait_for("the node is seen to be lost", lambda: not ready(site, node), timeout=180)
        # What an administrator or the cloud's controller says: this node is off, its pods may start elsewhere.
        site.namespace.kubectl("taint", "node", node, taint)
        site.wait_ready(uid)

    try:
        unharmed(watch(guest, f"{home}/ada/node", lose_node, wait=20), 200)
        assert site.node != node
    finally:
        nodes.start(node)
        site.namespace.kubectl("taint", "node", node, f"{taint}-", check=False)
        site.namespace.wait_for("the node is back", lambda: ready(site, node), timeout=180)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", ["kill", "move"])
def test_nothing_is_lost_in_twenty_restarts(site: Site, guest: uml.Guest, home: str, way: str) -> None:
    for number in range(20):
        befall = site.kill if way == "kill" else site.move
        unharmed(watch(guest, f"{home}/ada/{way}-{number}", befall, wait=15), 180)
        if way == "kill":
            # A new pod, since kubelet waits longer and longer before it starts one container again and again.
            site.delete()


def ready(site: Site, node: str) -> bool:
    conditions = site.namespace.get("node", node)["status"]["conditions"]
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
