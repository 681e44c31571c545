"""Clusters that users start in their servers: addresses and ports that engines on workers reach."""

import asyncio
import json
import secrets
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from ipyparallel.cluster.cluster import Cluster, ClusterManager
from ipyparallel.cluster.launcher import LocalControllerLauncher
from tornado.web import HTTPError
from traitlets.config import Config

from images.notebook.hpc_notebook import clusters


@pytest.fixture(autouse=True)
def own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two blocks that nothing else on this machine uses."""
    # Below the ports that the kernel gives to anybody, and beside those of pools.py.
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


def test_a_cluster_takes_its_ports_when_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalControllerLauncher, "start", lambda self: self.controller_args)
    made = clusters.ServerController(profile_dir=str(tmp_path), controller_args=["--a"])
    with socket.socket() as taken:
        taken.bind(("", clusters.PORTS[0]))
        taken.listen()
        ports = ",".join(str(port) for port in clusters.PORTS[clusters.PORTS_OF_ONE :])
        assert made.start() == ["--a", f"--IPController.engine_ports={ports}"]


def test_the_profile_of_slurm_is_made_once_and_is_its_user_s_then(tmp_path: Path) -> None:
    clusters.make_profile(tmp_path)
    path = tmp_path / "profile_slurm/ipcluster_config.py"
    assert 'engine_launcher_class = "slurm"' in path.read_text()
    path.write_text("mine")
    clusters.make_profile(tmp_path)
    assert path.read_text() == "mine"


def test_a_pool_is_listed_as_running_and_stopped_by_nobody_here(tmp_path: Path) -> None:
    profile = tmp_path / "profile_fast"
    (profile / "security").mkdir(parents=True)
    (profile / "security/cluster-.json").write_text(json.dumps(clusters.pool(profile)))
    manager = ClusterManager()
    (found,) = manager.load_clusters(profile_dirs=[str(profile)], init_default_clusters=True).values()
    assert found.controller.running
    # A kernel reads what the server has written.
    assert Cluster.from_dict(found.to_dict()).controller.running
    with pytest.raises(
        HTTPError, match=r"fast is a pool: the admin scales it \(engines\.pools\.fast\.replicas\)"
    ):
        asyncio.run(found.stop_cluster())
    assert manager.load_clusters(profile_dirs=[str(profile)])
