"""Each key can be replaced by the commands of the how-to page; no job is lost, and the old key is worth nothing."""

import subprocess
from pathlib import Path

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.conftest import finish
from tests.docs.documented import follow

pytestmark = pytest.mark.e2e

PAGE = "keep-and-rotate-slurm-keys"


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
    cluster.wait("a token of the new key is taken", lambda: accepted(token()))
    assert not accepted(old)
    assert cluster.restarts(running) == 0
    finish(cluster, running)


def test_the_database_password(cluster: Cluster, running: str, tmp_path: Path) -> None:
    follow(PAGE, "Rotate the database password", cluster.namespace, tmp_path)
    for name in ("database", "accounting"):
        cluster.namespace.wait_ready(f"statefulset/hpc-{name}")
    assert cluster.restarts(running) == 0
    finish(cluster, running)


def test_the_ssh_host_key_without_the_end_of_a_login(cluster: Cluster, tmp_path: Path) -> None:
    def shown() -> str:
        # In the pod: a client that leaves early may end kubectl's forwarding, and with it the login that is to stay.
        scan = ["ssh-keyscan", "-T", "60", "127.0.0.1"]
        return cluster.namespace.exec("hpc-frontend-0", *scan, container="sshd", check=False).out

    old = shown()
    assert old
    login = [*cluster.ssh_command("ssh", "-p", cluster.accounts["ada"]), "ada@127.0.0.1", "cat"]
    with subprocess.Popen(login, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as open_login:
        assert open_login.stdin
        assert open_login.stdout
        # A login that is only on its way would meet the new key.
        print("here", file=open_login.stdin, flush=True)
        assert open_login.stdout.readline() == "here\n"
        follow(PAGE, "Rotate the SSH host key", cluster.namespace, tmp_path)
        cluster.wait("another host key", lambda: shown() not in ("", old))
        assert open_login.communicate("still here\n", timeout=120)[0] == "still here\n"
    assert cluster.ssh("ada", "id -un").out.strip() == "ada"


def test_slurm_key(cluster: Cluster, running: str, tmp_path: Path) -> None:
    queued = cluster.submit("true", f"--dependency=afterok:{running}", "--mem=100")
    follow(PAGE, "Rotate slurm.key", cluster.namespace, tmp_path)
    cluster.close()
    for name in ("controller", "accounting", "worker-cpu", "frontend"):
        cluster.namespace.wait_ready(f"statefulset/hpc-{name}")
    cluster.wait_nodes(2)
    # sshd may take logins a little after its pod runs.
    cluster.wait("logins are back", lambda: cluster.ssh("ada", "true", check=False).code == 0)
    cluster.wait_states(running, {"RUNNING"})
    finish(cluster, running)
    cluster.wait_states(queued, {"COMPLETED"})
