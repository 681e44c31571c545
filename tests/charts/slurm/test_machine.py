"""A whole machine stops while jobs run on it: they run elsewhere within a minute, and its worker comes back with it."""

from typing import Any

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.conftest import values
from tests.cluster import nodes
from tests.conftest import Account, MakeNamespace

pytestmark = [pytest.mark.full, pytest.mark.kills_nodes]


def on(machine: str) -> dict[str, Any]:
    return {"nodeSelector": {"kubernetes.io/hostname": machine}}


def test_a_machine_stopped_under_load_loses_no_job(
    make_namespace: MakeNamespace, accounts: dict[str, Account]
) -> None:
    safe, doomed = nodes.names()[1:3]
    daemons = ("controller", "accounting", "database", "frontend", "restapi")
    given = {**values(accounts), **{name: on(safe) for name in daemons}}
    # The chart's own time-outs: how soon a machine is missed is what is tested.
    given["slurm"] = {}
    given["workerDefaults"]["replicas"] = 1
    given["workers"] = {"cpu": None, "safe": on(safe), "doomed": on(doomed)}
    cluster = Cluster(make_namespace("slurm-machine"), accounts, given)
    cluster.install()
    cluster.wait_nodes(2)
    lost = cluster.submit("srun -n1 sleep 8", "--array=0-9", "--mem=100")
    cluster.wait("both run", lambda: cluster.states(lost).count("RUNNING") == 2)
    victim = cluster.admin("squeue -h -w hpc-worker-doomed-0 -o %i").out.strip()
    nodes.kill(doomed)
    try:
        cluster.wait("it is requeued", lambda: cluster.restarts(victim) == 1, timeout=60)
        cluster.wait_states(lost, {"COMPLETED"}, timeout=240)
    finally:
        nodes.start(doomed)
    cluster.wait_nodes(2, timeout=240)
    cluster.wait("all accounted", lambda: cluster.accounted(lost) == ["COMPLETED"] * 10, timeout=60)
    cluster.close()
