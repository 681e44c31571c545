"""`security.taskLimits: affinity`: every task has CPUs of its own, where the namespace allows the one capability more."""

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.conftest import values
from tests.conftest import Account, MakeNamespace

pytestmark = pytest.mark.e2e

MINE = "import os; print('cpus', *sorted(os.sched_getaffinity(0)))"


def test_each_task_runs_on_cpus_of_its_own(
    make_namespace: MakeNamespace, accounts: dict[str, Account]
) -> None:
    given = {
        **values(accounts),
        "security": {"taskLimits": "affinity"},
        "accounting": {"enabled": False},
        "restapi": {"enabled": False},
    }
    given["workerDefaults"] |= {"replicas": 1, "cpus": 2}
    made = Cluster(make_namespace("slurm-limits", pod_security="privileged"), accounts, given)
    made.install()
    try:
        made.wait_nodes(1)
        said = made.ssh("ada", f'srun -n2 -c1 --mem-per-cpu=100 python -c "{MINE}"').out.splitlines()
        assert sorted(line.split()[0] for line in said) == ["cpus", "cpus"]
        first, second = ({*line.split()[1:]} for line in said)
        assert len(first) == len(second) == 1
        assert first != second
    finally:
        made.close()
        made.namespace.helm("uninstall", made.release)
