"""Each key can be replaced by the commands of the how-to page; no job is lost, and the old key is worth nothing."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.docs.documented import follow

pytestmark = pytest.mark.e2e

PAGE = "keep-and-rotate-slurm-keys"


@pytest.fixture
def running(cluster: Cluster) -> Iterator[str]:
    """A job that runs until the test says so."""
    job = cluster.submit("until test -e ~/enough-$SLURM_JOB_ID; do sleep 0.5; done", "--mem=100")
    cluster.wait_states(job, {"RUNNING"})
    yield job
    cluster.admin(f"scancel {job}")


def finish(cluster: Cluster, job: str) -> None:
    cluster.ssh("ada", f"touch enough-{job}")
    cluster.wait_states(job, {"COMPLETED"}, timeout=120)
    cluster.wait("accounted", lambda: cluster.accounted(job) == ["COMPLETED"], timeout=60)


def starts(cluster: Cluster, job: str) -> int:
    """How often a job was started again."""
    shown = cluster.admin(f"scontrol show job {job}").out
    return int(shown.split("Restarts=")[1].split()[0])


def test_keys_of_one_s_own_are_secrets_as_the_chart_reads_them(cluster: Cluster, tmp_path: Path) -> None:
    follow(PAGE, "", cluster.namespace, tmp_path)
    keys = {
        "my-slurm-key": "slurm.key",
        "my-jwt": "jwt.key",
        "my-ssh-host": "ssh_host_ed25519_key",
        "my-database": "password",
    }
    assert {name: [*cluster.namespace.get("secret", name)["data"]] for name in keys} == {
        name: [key] for name, key in keys.items()
    }


def test_the_jwt_key(cluster: Cluster, running: str, tmp_path: Path) -> None:
    def accepted(given: str) -> bool:
        return cluster.admin(f"env -u SLURM_SACK_KEY SLURM_JWT={given} squeue -h", check=False).code == 0

    def token() -> str:
        said = cluster.admin("scontrol token username=ada lifespan=600", check=False).out
        return said.strip().rpartition("SLURM_JWT=")[2]

    old = token()
    assert accepted(old)
    follow(PAGE, "Rotate the JWT key", cluster.namespace, tmp_path)
    for name in ("controller", "accounting"):
        cluster.namespace.wait_ready(f"statefulset/hpc-{name}")
    cluster.wait("a token of the new key is taken", lambda: accepted(token()), timeout=60)
    assert not accepted(old)
    assert starts(cluster, running) == 0
    finish(cluster, running)


def test_the_database_password(cluster: Cluster, running: str, tmp_path: Path) -> None:
    follow(PAGE, "Rotate the database password", cluster.namespace, tmp_path)
    for name in ("database", "accounting"):
        cluster.namespace.wait_ready(f"statefulset/hpc-{name}")
    assert starts(cluster, running) == 0
    finish(cluster, running)


def test_the_ssh_host_key_without_the_end_of_a_login(cluster: Cluster, tmp_path: Path) -> None:
    def shown() -> str:
        command = cluster.ssh_command("ssh-keyscan", "-p", cluster.accounts["ada"])
        scan = ["ssh-keyscan", "-p", command[command.index("-p") + 1], "127.0.0.1"]
        return subprocess.run(scan, capture_output=True, text=True, check=False).stdout

    old = shown()
    assert old
    login = [*cluster.ssh_command("ssh", "-p", cluster.accounts["ada"]), "ada@127.0.0.1", "cat"]
    with subprocess.Popen(login, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as open_login:
        follow(PAGE, "Rotate the SSH host key", cluster.namespace, tmp_path)
        cluster.wait("another host key", lambda: shown() not in ("", old), timeout=30)
        assert open_login.communicate("still here\n", timeout=30)[0] == "still here\n"
    assert cluster.ssh("ada", "id -un").out.strip() == "ada"


def test_slurm_key(cluster: Cluster, running: str, tmp_path: Path) -> None:
    queued = cluster.submit("true", f"--dependency=afterok:{running}", "--mem=100")
    follow(PAGE, "Rotate slurm.key", cluster.namespace, tmp_path)
    cluster.close()
    for name in ("controller", "accounting", "worker-cpu", "frontend"):
        cluster.namespace.wait_ready(f"statefulset/hpc-{name}")
    cluster.wait_nodes(2, timeout=120)
    cluster.wait_states(running, {"RUNNING"}, timeout=90)
    finish(cluster, running)
    cluster.wait_states(queued, {"COMPLETED"})
