"""On a node whose kernel has an NFS client and a writable cgroup v2: homes on chart `nfs`, tasks kept to their size by the kernel.

The node is a user-mode Linux guest (tests/cluster/nfs_node.py): those of the local cluster share this machine's kernel, which may have
neither. It has one slow CPU and no cpusets, so CPUs are not bound here.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.charts.nfs.site import Site
from tests.charts.slurm.cluster import Cluster
from tests.cluster import cluster as local
from tests.cluster import nfs_node
from tests.conftest import Account, MakeNamespace

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.kills_nodes]

WORKER = "hpc-worker-cpu-0"
RUNTIME_CLASS = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "cgroup-writable"},
    "handler": "cgroup-writable",
}
PLACE: dict[str, Any] = {
    "nodeSelector": {nfs_node.LABEL: "true"},
    "tolerations": [{"key": nfs_node.LABEL, "operator": "Exists"}],
}
# Options take the way of a PersistentVolume, which the chart makes for them.
MOUNT_OPTIONS = ["nfsvers=4.2", "hard", "noatime"]
TAKE = "python3 -c 'import time; taken = bytearray(300 << 20); time.sleep(60)'"


@pytest.fixture(scope="module")
def node() -> Iterator[None]:
    """The node; one that was there before stays."""
    there = nfs_node.running()
    nfs_node.up(local.current_options().registry_port)
    yield
    if not there:
        nfs_node.down()


@pytest.fixture(scope="module")
def site(make_namespace: MakeNamespace, accounts: dict[str, Account]) -> Site:
    """The server of the homes."""
    made = Site(make_namespace("nfs-of-slurm", pod_security="privileged"))
    made.install(values={"users": {name: {"uid": account.uid} for name, account in accounts.items()}})
    return made


@pytest.fixture(scope="module")
def cluster(
    node: None, site: Site, make_namespace: MakeNamespace, accounts: dict[str, Account]
) -> Iterator[Cluster]:
    """Chart slurm whose worker and frontend run on the node."""
    given: dict[str, Any] = {
        "users": {name: account.values for name, account in accounts.items()},
        "home": {"create": False, "nfs": {"server": site.address, "path": "/home", "mountOptions": MOUNT_OPTIONS}},
        "accounting": {"enabled": False},
        "restapi": {"enabled": False},
        "security": {"taskLimits": "cgroup"},
        "slurm": {"cgroup": {"ConstrainCores": False}},
        "frontend": PLACE,
        "workerDefaults": {"replicas": 1, "cpus": 2, "cpuRequest": "50m", "memory": "512Mi", "memoryRequest": "64Mi", "runtimeClassName": "cgroup-writable", **PLACE},
    }  # fmt: skip
    made = Cluster(make_namespace("slurm-on-nfs"), accounts, given)
    made.namespace.apply(RUNTIME_CLASS)
    made.install()
    made.wait_nodes(1)
    yield made
    made.close()
    made.namespace.kubectl("delete", "runtimeclass", "cgroup-writable")
    made.namespace.helm("uninstall", made.release)
    made.namespace.kubectl("delete", "persistentvolumeclaim", "hpc-home", "--wait=false")
    made.namespace.kubectl("delete", "persistentvolume", f"{made.namespace.name}-hpc-home", "--wait=false")


def test_a_home_is_mounted_by_the_kubelet_and_what_a_job_writes_lies_on_the_server(
    cluster: Cluster, site: Site
) -> None:
    kind, options = cluster.namespace.exec(
        WORKER, "findmnt", "-n", "-o", "FSTYPE,OPTIONS", "/home"
    ).out.split()
    assert kind == "nfs4"
    assert {"noatime", "vers=4.2", "hard"} <= set(options.split(","))
    job = cluster.submit("echo from $(hostname) > written")
    cluster.wait_states(job, {"COMPLETED"})
    assert cluster.ssh("ada", "cat written").out == f"from {WORKER}\n"
    assert site.server("stat", "-c", "%u %a", "/volume/home/ada").split() == ["20001", "700"]
    assert site.server("stat", "-c", "%u", "/volume/home/ada/written").strip() == "20001"


def test_a_job_that_writes_goes_on_when_the_server_is_killed_and_moved(cluster: Cluster, site: Site) -> None:
    lines = 60
    job = cluster.submit(f"for i in $(seq {lines}); do echo $i >> counted; sync counted; sleep 0.3; done")
    cluster.wait("it writes", lambda: cluster.ssh("ada", "cat counted", check=False).out)
    site.kill()
    site.wait_ready()
    site.move(force=True)
    cluster.wait_states(job, {"COMPLETED"}, timeout=180)
    assert site.server("cat", "/volume/home/ada/counted").split() == [str(i + 1) for i in range(lines)]


def test_a_job_over_its_memory_is_ended_by_the_kernel_and_another_goes_on(cluster: Cluster) -> None:
    modest = cluster.submit("until test -e enough; do sleep 1; done", "--mem=50")
    greedy = cluster.submit(TAKE, "--mem=100")
    cluster.wait_states(greedy, {"OUT_OF_MEMORY"})
    cluster.wait_states(modest, {"RUNNING"})
    cluster.ssh("ada", "touch enough")
    cluster.wait_states(modest, {"COMPLETED"})


def test_what_a_job_left_behind_ends_with_it(cluster: Cluster) -> None:
    job = cluster.submit("setsid nohup sleep 4711 >/dev/null 2>&1 & sleep 3600", "--mem=50")

    def left() -> bool:
        return cluster.namespace.exec(WORKER, "pgrep", "-f", "sleep 4711", check=False).code == 0

    cluster.wait("it runs", left)
    cluster.admin(f"scancel {job}")
    cluster.wait("nothing of it is left", lambda: not left())
