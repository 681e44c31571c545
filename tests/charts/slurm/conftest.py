"""One installed release for all end-to-end tests of chart `slurm`: they share it because installing costs most."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.conftest import Account, MakeNamespace

# Small enough for two-core machines: what is reserved, not what a node may use.
WORKERS: dict[str, Any] = {"replicas": 2, "cpuRequest": "50m", "memoryRequest": "128Mi", "memory": "512Mi"}

# On a busy machine an answer may take longer than Slurm's own ten seconds, and a worker be silent for longer than the chart's thirty.
PATIENCE: dict[str, Any] = {"MessageTimeout": 60, "SlurmdTimeout": 90}


def values(accounts: dict[str, Account]) -> dict[str, Any]:
    """Values that fit the test cluster."""
    return {
        "users": {name: account.values for name, account in accounts.items()},
        "home": {"storageClass": os.environ.get("E2E_RWX_CLASS", "shared"), "size": "1Gi"},
        "workerDefaults": dict(WORKERS),
        "slurm": {"config": dict(PATIENCE)},
    }


@pytest.fixture(scope="session")
def cluster(make_namespace: MakeNamespace, accounts: dict[str, Account]) -> Iterator[Cluster]:
    """The shared release: two workers, accounting, REST, in a namespace that enforces `baseline`."""
    made = Cluster(make_namespace("slurm"), accounts, values(accounts))
    made.install()
    made.wait_nodes(2)
    yield made
    made.close()


@pytest.fixture
def running(cluster: Cluster) -> Iterator[str]:
    """A job that runs until the test says so."""
    job = cluster.submit("until test -e ~/enough-$SLURM_JOB_ID; do sleep 0.5; done", "--mem=100")
    cluster.wait_states(job, {"RUNNING"})
    yield job
    cluster.admin(f"scancel {job}")


def finish(cluster: Cluster, job: str) -> None:
    """Say so, and see that nothing of the job is lost."""
    cluster.ssh("ada", f"touch enough-{job}")
    cluster.wait_states(job, {"COMPLETED"})
    cluster.wait("accounted", lambda: cluster.accounted(job) == ["COMPLETED"])
