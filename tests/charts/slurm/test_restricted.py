"""values/restricted.yaml: a single-user cluster of which nothing runs as root, where the namespace enforces it; with accounting."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.conftest import PATIENCE, WORKERS, values
from tests.charts.slurm.test_frontend import PYTHON, RANKS, ranks
from tests.cluster.paths import ROOT
from tests.conftest import Account, MakeNamespace

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def single(make_namespace: MakeNamespace, accounts: dict[str, Account]) -> Iterator[Cluster]:
    """The file as it is, with a user's key, on the test cluster's class of volumes and its few CPUs."""
    account = {"me": replace(accounts["ada"], name="me")}
    given = yaml.safe_load((ROOT / "values" / "restricted.yaml").read_text())
    given["global"]["users"]["me"]["sshKeys"] = [account["me"].public_key]
    given["global"]["home"] = values({})["home"]
    given["slurm"]["workerDefaults"]["cpuRequest"] = WORKERS["cpuRequest"]
    given["slurm"]["slurm"] = {"config": dict(PATIENCE)}
    namespace = make_namespace("slurm-restricted", pod_security="restricted")
    made = Cluster(namespace, account, given, chart="charts/hpc")
    made.install()
    yield made
    made.close()
    made.namespace.helm("uninstall", made.release)


def test_its_user_logs_in_and_runs_mpi_over_all_workers(single: Cluster) -> None:
    single.wait_nodes(2)
    assert single.ssh("me", "id -un; stat -c '%U %a' .").out.split() == ["me", "me", "700"]
    assert "/dev/pts/" in single.ssh("me", "tty", options=("-tt",)).out
    single.ssh("me", "cat > world.sh", stdin=f'#!/bin/bash\nsrun python -c "{PYTHON}"\n')
    single.ssh("me", "sbatch -Q --wait -N2 -n2 -o world.out world.sh")
    assert ranks(single.ssh("me", "cat world.out").out) == RANKS


def test_a_cancelled_job_leaves_no_process(single: Cluster) -> None:
    job = single.submit("sleep 4321 & sleep 4321", "-w", "hpc-worker-cpu-0", "--mem=100", user="me")

    def processes() -> str:
        return single.namespace.exec("hpc-worker-cpu-0", "ps", "-eo", "args").out

    single.wait("its processes", lambda: "sleep 4321" in processes())
    single.ssh("me", f"scancel {job}")
    single.wait("no process left", lambda: "sleep 4321" not in processes())


def test_helm_test_passes_with_accounting_and_a_rest_api(single: Cluster) -> None:
    wanted = ("configuration", "nodes", "sbatch", "array", "mpi", "accounting", "rest")
    assert single.namespace.tested(single.release) == dict.fromkeys(wanted, "ok")


def test_no_container_is_root(single: Cluster) -> None:
    for pod in single.namespace.get("pods")["items"]:
        for container in pod["spec"]["containers"]:
            name = (pod["metadata"]["name"], container["name"])
            if pod["status"]["phase"] == "Running":
                who = single.namespace.exec(name[0], "id", "-u", container=name[1]).out.strip()
                assert who != "0", name
