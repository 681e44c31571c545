"""One installed release for all end-to-end tests of chart `slurm`: they share it because installing costs most."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.conftest import Account, MakeNamespace

# Small enough for two-core machines: what is reserved, not what a node may use.
WORKERS: dict[str, Any] = {"replicas": 2, "cpuRequest": "50m", "memoryRequest": "128Mi", "memory": "512Mi"}


def values(accounts: dict[str, Account]) -> dict[str, Any]:
    """Values that fit the test cluster."""
    return {
        "users": {name: account.values for name, account in accounts.items()},
        "home": {"storageClass": os.environ.get("E2E_RWX_CLASS", "shared"), "size": "1Gi"},
        "workerDefaults": dict(WORKERS),
    }


@pytest.fixture(scope="session")
def cluster(make_namespace: MakeNamespace, accounts: dict[str, Account]) -> Iterator[Cluster]:
    """The shared release: two workers, accounting, REST, in a namespace that enforces `baseline`."""
    made = Cluster(make_namespace("slurm"), accounts, values(accounts))
    made.install()
    made.wait_nodes(2)
    yield made
    made.close()
