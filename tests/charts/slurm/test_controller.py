"""slurmctld dies, gets new configuration, refuses bad configuration; users come and go without a restart."""

import json

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.conftest import PATIENCE, finish
from tests.cluster.paths import ROOT

pytestmark = pytest.mark.e2e

CONTROLLER = "hpc-controller-0"


def pod_uids(cluster: Cluster) -> dict[str, str]:
    labels = "app.kubernetes.io/instance=hpc,app.kubernetes.io/component!=test"
    pods = cluster.namespace.get("pods", "-l", labels)["items"]
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods}


def setting(cluster: Cluster, key: str) -> str:
    shown = cluster.admin("scontrol show config").out
    line = next(line for line in shown.splitlines() if line.split("=")[0].strip() == key)
    return line.split("=")[1].strip()


def test_a_killed_controller_keeps_running_and_queued_jobs(cluster: Cluster, running: str) -> None:
    queued = cluster.submit("true", f"--dependency=afterok:{running}", "--mem=100")
    cluster.namespace.kubectl("delete", "pod", CONTROLLER, "--grace-period=0", "--force")
    cluster.namespace.wait_ready(f"pod/{CONTROLLER}")
    finish(cluster, running)
    cluster.wait_states(queued, {"COMPLETED"})


def test_new_configuration_comes_into_use_by_itself_and_no_pod_restarts(cluster: Cluster) -> None:
    before = pod_uids(cluster)
    # A minute or two on a quiet machine.
    prolog = "#!/bin/sh\ntouch /tmp/prolog-$SLURM_JOB_ID\n"
    cluster.install(
        slurm={"config": {**PATIENCE, "MessageTimeout": 67}, "scripts": {"Prolog": prolog}},
    )
    cluster.wait("slurmctld has it", lambda: setting(cluster, "MessageTimeout") == "67 sec", timeout=240)
    seen = "srun sh -c 'test -e /tmp/prolog-$SLURM_JOB_ID'"
    cluster.wait("jobs begin with the prolog", lambda: cluster.ssh("ada", seen, check=False).code == 0)
    assert pod_uids(cluster) == before


def test_a_key_that_slurm_does_not_know_is_refused_by_name_before_any_pod_is_touched(
    cluster: Cluster,
) -> None:
    before = pod_uids(cluster)
    words = [
        "upgrade",
        cluster.release,
        str(ROOT / "charts/slurm"),
        "--reuse-values",
        "--set",
        "slurm.config.NoSuchKey=1",
    ]
    refused = cluster.namespace.helm(*words, check=False)
    assert refused.code != 0
    assert "slurm.config.NoSuchKey: Slurm does not know this key" in refused.err
    assert pod_uids(cluster) == before


def test_a_file_that_slurm_cannot_read_leaves_the_old_one_in_use_and_says_why(cluster: Cluster) -> None:
    bad = {"files": {"topology.conf": "NoSuchKey=1"}, "config": {"TopologyPlugin": "topology/tree"}}
    # Without a wait: the controller is not ready when it has refused, which may be before Helm has looked.
    words = ["--reuse-values", f"--set-json=slurm={json.dumps(bad)}"]
    cluster.namespace.helm("upgrade", cluster.release, str(ROOT / "charts/slurm"), *words)
    cluster.resync()
    cluster.wait("the refusal", lambda: "NoSuchKey" in refusal(cluster))
    assert cluster.ssh("ada", "srun hostname").out.startswith("hpc-worker-cpu-")
    cluster.install(slurm={"files": {}, "config": dict(PATIENCE)})
    cluster.resync()
    cluster.wait("the good one is back", lambda: not refusal(cluster))


def refusal(cluster: Cluster) -> str:
    shown = "cat /run/slurmctld/refused 2>/dev/null || true"
    return cluster.namespace.exec(CONTROLLER, "sh", "-c", shown, container="keeper").out
