"""Workers come, go and die while jobs run; nothing is lost, and a task keeps to its size."""

import json

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.conftest import finish
from tests.kube import Result

pytestmark = pytest.mark.e2e

# A job that is COMPLETING still writes its output.
ENDED = {"COMPLETED", "FAILED", "OUT_OF_MEMORY", "CANCELLED", "TIMEOUT", "NODE_FAIL"}


def scale(cluster: Cluster, replicas: int) -> None:
    cluster.values["workerDefaults"]["replicas"] = replicas
    cluster.install()


def test_scaling_2_4_1_under_load_loses_no_job(cluster: Cluster) -> None:
    job = cluster.submit("sleep 2", "--array=0-15", "--mem=100")
    scale(cluster, 4)
    cluster.wait_nodes(4)
    scale(cluster, 1)
    cluster.wait_nodes(1)
    scale(cluster, 2)
    cluster.wait_nodes(2)
    cluster.wait_states(job, {"COMPLETED"}, timeout=300)
    cluster.wait("16 tasks accounted", lambda: cluster.accounted(job) == ["COMPLETED"] * 16)


# The kubelet may still run what a pod does at its end where the pod is deleted; nothing runs where its container dies.
@pytest.mark.parametrize("how", ["deleted by force", "its daemon is killed"])
def test_a_worker_killed_hard_leaves_no_ghost_and_comes_back_by_itself(cluster: Cluster, how: str) -> None:
    job = cluster.submit("sleep 600", "--mem=100")
    cluster.wait_states(job, {"RUNNING"})
    node = cluster.admin(f"squeue -h -j {job} -o %N").out.strip()
    if how == "deleted by force":
        cluster.namespace.kubectl("delete", "pod", node, "--grace-period=0", "--force")
    else:
        cluster.namespace.exec(node, "pkill", "-KILL", "-x", "slurmd", container="slurmd", check=False)
    cluster.wait("it is requeued", lambda: cluster.restarts(job) >= 1, timeout=60)
    cluster.wait_nodes(2)
    cluster.wait_states(job, {"RUNNING"})
    cluster.ssh("ada", f"scancel {job}")


def test_an_evicted_worker_lets_its_jobs_end_and_others_stay_meanwhile(cluster: Cluster) -> None:
    cluster.install(workers={"cpu": {}, "patient": {"replicas": 2, "drainSeconds": 300}})
    cluster.wait_nodes(4)
    node, other = "hpc-worker-patient-0", "hpc-worker-patient-1"
    job = cluster.submit("until test -e ~/enough-$SLURM_JOB_ID; do sleep 0.5; done", "-w", node, "--mem=100")
    cluster.wait_states(job, {"RUNNING"})
    assert evict(cluster, node).code == 0
    refused = evict(cluster, other)
    assert refused.code != 0
    assert "disruption budget" in refused.text
    cluster.wait("it takes no more jobs", lambda: cluster.nodes()[node] == "draining")
    finish(cluster, job)
    assert cluster.restarts(job) == 0
    cluster.wait_nodes(4)
    cluster.install(workers={"cpu": {}})
    cluster.wait_nodes(2)


def evict(cluster: Cluster, pod: str) -> Result:
    """Ask for the end of a pod as the drain of its machine does."""
    wanted = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path = f"/api/v1/namespaces/{cluster.namespace.name}/pods/{pod}/eviction"
    return cluster.namespace.kubectl(
        "create", "--raw", path, "-f", "-", stdin=json.dumps(wanted), check=False
    )


def test_a_cancelled_job_leaves_no_process(cluster: Cluster) -> None:
    job = cluster.submit("sleep 4321 & sleep 4321", "--mem=100")
    cluster.wait_states(job, {"RUNNING"})
    node = cluster.admin(f"squeue -h -j {job} -o %N").out.strip()
    cluster.wait("its processes", lambda: "sleep 4321" in processes(cluster, node))
    cluster.ssh("ada", f"scancel {job}")
    cluster.wait("no process left", lambda: "sleep 4321" not in processes(cluster, node))
    cluster.wait_nodes(2)


def processes(cluster: Cluster, node: str) -> str:
    return cluster.namespace.exec(node, "ps", "-eo", "args").out


@pytest.mark.parametrize("mebibytes", [400, 4096], ids=["four times its size", "more than the pod, at once"])
def test_a_job_over_its_memory_dies_alone_with_the_reason(cluster: Cluster, mebibytes: int) -> None:
    greedy = f"import time; x = b'x' * ({mebibytes} << 20); time.sleep(120)"
    before = restarts(cluster, "hpc-worker-cpu-0")
    job = cluster.submit(f'python3 -c "{greedy}"', "-w", "hpc-worker-cpu-0", "--mem=100")
    cluster.wait_states(job, ENDED)
    assert cluster.states(job) != ["COMPLETED"]
    assert "memory" in cluster.ssh("ada", f"cat job-{job}_*.out").out.lower()
    assert restarts(cluster, "hpc-worker-cpu-0") == before


def restarts(cluster: Cluster, pod: str) -> int:
    return int(cluster.namespace.get("pod", pod)["status"]["containerStatuses"][0]["restartCount"])
