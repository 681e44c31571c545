"""Clusters that users start in their servers: addresses and ports that engines on workers reach."""

import secrets
import socket
from contextlib import ExitStack

import pytest
from traitlets.config import Config

from images.notebook.hpc_notebook import clusters


@pytest.fixture(autouse=True)
def own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two blocks that nothing else on this machine uses."""
    # Below the ports that the kernel gives to anybody, and beside those of test_pool.py.
    first = 12_000 + 20 * secrets.randbelow(300)
    monkeypatch.setattr(clusters, "PORTS", range(first, first + 2 * clusters.PORTS_OF_ONE))


def test_a_second_cluster_takes_the_next_ports_and_a_third_is_told_to_wait() -> None:
    with ExitStack() as stack:
        for expected in (clusters.PORTS[: clusters.PORTS_OF_ONE], clusters.PORTS[clusters.PORTS_OF_ONE :]):
            assert clusters.free_block() == list(expected)
            taken = stack.enter_context(socket.socket())
            taken.bind(("", expected[-1]))
            taken.listen()
        with pytest.raises(clusters.NoPorts, match="2 clusters run in this server: stop one"):
            clusters.free_block()


def test_a_cluster_is_reached_by_address_asks_for_its_key_and_keeps_it_out_of_jobs() -> None:
    c = Config()
    clusters.cluster(c)
    assert socket.inet_aton(c.Cluster.controller_location)
    assert "--IPController.enable_curve=True" in c.Cluster.controller_args
    assert c.Cluster.send_engines_connection_env is False
