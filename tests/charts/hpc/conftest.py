"""One installed release of chart `hpc`, with both charts in it, for all its end-to-end tests."""

import os
from collections.abc import Iterator

import pytest

from tests.charts.jupyter.conftest import HASHES, PASSWORDS
from tests.charts.jupyter.site import RELEASE, Site
from tests.conftest import Account, MakeNamespace
from tests.docs.documented import values
from tests.kube import is_local

# Enough for all that the tests start; a container that says nothing counts, too.
LIMITS = {
    "quota": {"requests.memory": "16Gi", "pods": "80"},
    "ranges": [{"type": "Container", "defaultRequest": {"cpu": "10m", "memory": "32Mi"}}],
}


@pytest.fixture(scope="session")
def site(make_namespace: MakeNamespace, accounts: dict[str, Account]) -> Iterator[Site]:
    """Slurm and JupyterHub for ada and grace, with metrics, servers as jobs, and a volume of shared packages as the how-to page has it."""
    made = Site(make_namespace("notebook-slurm"), {})
    shared = os.environ.get("E2E_RWX_CLASS", "shared")
    small = {"resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}}
    packages = values("add-python-packages", "For a small site, while it runs")
    users = {
        name: {
            "uid": accounts[name].uid,
            "sshKeys": [accounts[name].public_key],
            "passwordHash": HASHES[name],
        }
        for name in HASHES
    }
    given = {
        "components": {"jupyter": True},
        "limits": LIMITS,
        "global": {**packages["global"], "users": users, "home": {"storageClass": shared, "size": "1Gi"}, "metrics": {"enabled": True}},
        "slurm": {
            "tokens": {"enabled": True},
            "slurm": {"partitions": {"notebooks": {"MaxTime": "UNLIMITED"}}},
            "workers": {
                "notebooks": {
                    "image": "slurm-notebook-worker",
                    "partitions": ["notebooks"],
                    "cpus": 1,
                    "memory": "768Mi",
                }
            },
            "frontend": small,
            "workerDefaults": {"replicas": 1, "cpus": 2, "memory": "1Gi", "cpuRequest": "50m", "memoryRequest": "256Mi"},
        },
        "jupyter": {
            "singleuser": {
                "cpuRequest": 0.05,
                "memoryRequest": "128M",
                "profiles": {
                    "pod": {"default": True},
                    "slurm": {
                        "displayName": "Slurm",
                        "slurm": {"partition": "notebooks", "memory": "640M", "timeMinutes": 60},
                    },
                    "greedy": {"displayName": "Greedy", "memoryRequest": "900G", "memoryLimit": "900G"},
                    "choose": {"displayName": "A size of your own", "slurm": {"partitions": ["notebooks", "main"]}},
                },
            },
            "ingress": {"enabled": is_local(), "host": made.host},
        },
    }  # fmt: skip
    made.namespace.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "software"},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": shared,
                "resources": {"requests": {"storage": "100Mi"}},
            },
        }
    )
    made.namespace.install(RELEASE, "charts/hpc", values=given, wait_seconds=540)
    # An Ingress controller may take a moment longer.
    made.namespace.wait_for("a login works", lambda: made.lets_in("ada", PASSWORDS["ada"]))
    yield made
    made.close()
    made.namespace.helm("uninstall", RELEASE, "--ignore-not-found")
