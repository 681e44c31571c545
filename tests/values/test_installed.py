"""The smallest values file as its reader uses it: `make template`, `make install`, `helm test`, `make uninstall`."""

import os
from pathlib import Path

import pytest
import yaml

from tests.charts.slurm.conftest import WORKERS
from tests.cluster.paths import ROOT
from tests.conftest import Account, MakeNamespace
from tests.kube import run

pytestmark = pytest.mark.e2e

RELEASE = "hpc"


def test_make_installs_the_minimal_values_and_takes_them_away(
    make_namespace: MakeNamespace, accounts: dict[str, Account], tmp_path: Path
) -> None:
    namespace = make_namespace("minimal")
    namespace.releases.append(RELEASE)
    # The class: what the file takes, the cluster's default one, serves only one of several nodes.
    home = {"storageClass": os.environ.get("E2E_RWX_CLASS", "shared"), "size": "1Gi"}
    own = {
        "global": {"home": home, "users": {"ada": accounts["ada"].values}},
        "slurm": {"workerDefaults": {"cpuRequest": WORKERS["cpuRequest"]}},
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    given = f"VALUES=values/minimal.yaml --values {tmp_path}/own.yaml"

    def make(target: str) -> str:
        # Sub-charts and tools are there, and other suites read them at this moment.
        there = [f"--old-file={name}" for name in (".venv/ready", "tools", "hpc-dependencies")]
        words = [
            "make",
            "--no-print-directory",
            "-C",
            str(ROOT),
            *there,
            target,
            f"NAMESPACE={namespace.name}",
            f"RELEASE={RELEASE}",
        ]
        done = run([*words, given])
        assert done.code == 0, done.text
        return done.out

    rendered = [item for item in yaml.safe_load_all(make("template")) if item]
    workers = next(
        item
        for item in rendered
        if (item["kind"], item["metadata"]["name"]) == ("StatefulSet", f"{RELEASE}-worker-cpu")
    )
    assert workers["spec"]["replicas"] == 1
    assert "ssh" in make("install")
    for name in ("controller", "worker-cpu"):
        namespace.wait_ready(f"statefulset/{RELEASE}-{name}")
    assert namespace.tested(RELEASE) == dict.fromkeys(
        ("configuration", "nodes", "sbatch", "array", "mpi"), "ok"
    )
    make("uninstall")
    # The pod of `helm test` stays, so that its table can be read.
    left = ("pods", "-l", "app.kubernetes.io/component!=test")
    namespace.wait_for("its pods are gone", lambda: not namespace.get(*left)["items"])
    assert f"{RELEASE}-home" in [
        claim["metadata"]["name"] for claim in namespace.get("persistentvolumeclaims")["items"]
    ]
