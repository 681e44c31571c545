"""The release as a whole: its own test, its walls, a second release beside it, and what is left when it goes."""

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.conftest import values
from tests.charts.slurm.test_controller import pod_uids
from tests.kube import image, results

pytestmark = pytest.mark.e2e

TRY = "timeout 3 bash -c 'exec 3<>/dev/tcp/{host}/{port}' && echo open || echo closed"


def test_helm_test_passes_and_prints_a_table(cluster: Cluster) -> None:
    said = cluster.namespace.helm("test", cluster.release, "--logs", "--timeout=9m").out
    wanted = ("configuration", "nodes", "sbatch", "array", "mpi", "accounting", "rest")
    assert "mpi\tok\tranks=2 nodes=2" in said
    assert results(said) == dict.fromkeys(wanted, "ok")


@pytest.mark.parametrize(("label", "seen"), [("access-slurmctld", "open"), ("access-nothing", "closed")])
def test_only_a_pod_with_the_label_reaches_slurmctld(cluster: Cluster, label: str, seen: str) -> None:
    name = label.replace("access-", "probe-")
    cluster.namespace.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {label: "true"}},
            "spec": {
                "containers": [{"name": "probe", "image": image("base"), "command": ["sleep", "600"]}],
                "terminationGracePeriodSeconds": 0,
            },
        }
    )
    cluster.namespace.wait_ready(f"pod/{name}")
    command = ["bash", "-c", TRY.format(host="hpc-controller", port=6817)]
    cluster.wait(f"port {seen}", lambda: cluster.namespace.exec(name, *command).out.strip() == seen)


def test_a_second_release_works_beside_it_leaves_what_is_kept_and_comes_back_over_it(
    cluster: Cluster,
) -> None:
    given = {**values(cluster.accounts), "restapi": {"enabled": False}}
    given["home"] = {"existingClaim": "hpc-home", "create": False}
    given["workerDefaults"]["replicas"] = 1
    other = Cluster(cluster.namespace, cluster.accounts, given, release="two")
    kept = [
        "persistentvolumeclaim/data-two-database-0",
        "persistentvolumeclaim/state-two-controller-0",
        "secret/two-database",
        "secret/two-jwt",
        "secret/two-slurm-key",
        "secret/two-ssh-host",
    ]
    ran: list[str] = []
    for _ in ("installed", "installed again"):
        other.install()
        try:
            other.wait_nodes(1)
            assert other.ssh("ada", "srun hostname").out.startswith("two-worker-cpu-")
            assert cluster.ssh("ada", "srun hostname").out.startswith("hpc-worker-cpu-")
            ran.append(other.submit("true", "--mem=100"))
            other.wait("all are accounted", lambda: accounted(other, ran))
        finally:
            other.close()
            cluster.namespace.helm("uninstall", "two", "--wait")
        cluster.wait("only what is kept", lambda: left(cluster, "two") == kept)
    assert ran[0] != ran[1]


def accounted(cluster: Cluster, jobs: list[str]) -> bool:
    return all(cluster.accounted(job) == ["COMPLETED"] for job in jobs)


def test_an_upgrade_that_changes_nothing_restarts_no_pod(cluster: Cluster) -> None:
    before = pod_uids(cluster)
    cluster.install()
    assert pod_uids(cluster) == before
    sets = cluster.namespace.get("statefulsets,deployments", "-l", "app.kubernetes.io/instance=hpc")["items"]
    assert all(item["metadata"]["generation"] == item["status"]["observedGeneration"] for item in sets)
    assert all(item["status"]["updatedReplicas"] == item["spec"]["replicas"] for item in sets)


def left(cluster: Cluster, release: str) -> list[str]:
    kinds = "all,configmap,secret,pvc,networkpolicy,poddisruptionbudget"
    label = f"app.kubernetes.io/instance={release}"
    return sorted(cluster.namespace.kubectl("get", kinds, "-o", "name", "-l", label).out.split())
