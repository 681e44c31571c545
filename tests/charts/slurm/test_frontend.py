"""Logins, and what a user does first: compile an MPI program and run it over all workers."""

import subprocess
from pathlib import Path

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.conftest import Account

pytestmark = pytest.mark.e2e

HELLO = """
#include <mpi.h>
#include <stdio.h>
int main(int argc, char **argv) {
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    printf("rank %d of %d\\n", rank, size);
    MPI_Finalize();
    return 0;
}
"""
RANKS = ["rank 0 of 2", "rank 1 of 2"]
PYTHON = "from mpi4py import MPI; w = MPI.COMM_WORLD; print('rank', w.rank, 'of', w.size)"


def ranks(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if line.startswith("rank"))


@pytest.fixture(scope="module")
def hello(cluster: Cluster) -> str:
    cluster.ssh("ada", "cat > hello.c && mpicc -o hello hello.c", stdin=HELLO)
    return "./hello"


def test_a_key_logs_in_to_a_home_that_is_the_user_s_alone(cluster: Cluster) -> None:
    assert cluster.ssh("ada", "id -u; stat -c '%U:%G %a' .").out.split() == ["20001", "ada:ada", "700"]


def test_a_login_with_a_terminal_gets_one(cluster: Cluster) -> None:
    assert "/dev/pts/" in cluster.ssh("ada", "tty", options=("-tt",)).out


def test_srun_pty_gives_a_terminal_on_a_worker(cluster: Cluster) -> None:
    said = cluster.ssh("ada", "srun --pty bash -c 'tty; hostname'", options=("-tt",)).out
    assert "/dev/pts/" in said
    assert "hpc-worker-cpu-" in said


def test_files_come_and_go_by_sftp(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "batch").write_text(f"put {__file__} sent.py\nget sent.py {tmp_path}/back.py\n")
    command = cluster.ssh_command("sftp", "-P", cluster.accounts["ada"])
    subprocess.run(
        [*command, "-b", str(tmp_path / "batch"), "ada@127.0.0.1"], check=True, capture_output=True
    )
    assert (tmp_path / "back.py").read_text() == Path(__file__).read_text()


def test_another_s_key_does_not_log_in(cluster: Cluster) -> None:
    stranger = Account("ada", 20001, cluster.accounts["grace"].private_key, "")
    command = [*cluster.ssh_command("ssh", "-p", stranger), "ada@127.0.0.1", "true"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_a_user_cannot_read_the_cluster_s_key_or_another_s_home(cluster: Cluster) -> None:
    looked = (
        "cat /var/lib/extrausers/shadow /etc/hpc/ssh-host/* /run/ssh/*; ls /home/grace; ls /etc/hpc/slurm-key"
    )
    assert cluster.ssh("ada", looked, check=False).out == ""
    in_job = cluster.ssh("ada", "srun cat /etc/hpc/slurm-key/slurm.key", check=False)
    assert "Permission denied" in in_job.text


def test_a_process_that_takes_too_much_ends_alone_and_the_login_stays(cluster: Cluster) -> None:
    greedy = "python -c 'bytearray(1700 << 20)' 2>&1 | tail -1; ulimit -Hu; ulimit -d unlimited 2>&1 | grep -o 'cannot modify limit'; id -un"
    said = cluster.ssh("ada", greedy).out.splitlines()
    assert said == ["MemoryError", "4096", "cannot modify limit", "ada"]


def test_mpi_in_c_runs_over_all_workers_by_srun(cluster: Cluster, hello: str) -> None:
    assert ranks(cluster.ssh("ada", f"srun -N2 -n2 {hello}").out) == RANKS


def test_mpi_in_c_runs_over_all_workers_by_mpirun(cluster: Cluster, hello: str) -> None:
    assert ranks(cluster.ssh("ada", f"salloc -Q -N2 -n2 mpirun {hello}").out) == RANKS


def test_mpi4py_runs_over_all_workers_by_srun_and_mpirun(cluster: Cluster) -> None:
    script = f'srun python -c "{PYTHON}"; mpirun python -c "{PYTHON}"'
    cluster.ssh("ada", "cat > both.sh", stdin=f"#!/bin/bash\n{script}\n")
    cluster.ssh("ada", "sbatch -Q --wait -N2 -n2 -o both.out both.sh")
    assert ranks(cluster.ssh("ada", "cat both.out").out) == sorted(RANKS * 2)


@pytest.mark.parametrize("plugin", ["none", "pmi2"])
def test_a_wrong_mpi_plugin_fails_with_a_message_and_never_as_singletons(
    cluster: Cluster, hello: str, plugin: str
) -> None:
    refused = cluster.ssh("ada", f"srun --mpi={plugin} -N2 -n2 {hello}", check=False)
    assert refused.code == 78
    assert "mpi-guard: this task's MPI world has 1 of the step's 2 tasks" in refused.text
    assert ranks(refused.out) == []


def test_a_rank_that_is_late_in_mpi_init_takes_what_an_early_one_sends(cluster: Cluster) -> None:
    for name in ("late", "early"):
        source = Path(__file__).with_name(f"{name}.c").read_text()
        cluster.ssh("ada", f"cat > {name}.c", stdin=source)
    cluster.ssh("ada", "gcc -shared -fPIC -o late.so late.c && mpicc -o early early.c")
    said = cluster.ssh("ada", "srun -N2 -n2 --export=ALL,LD_PRELOAD=$HOME/late.so ./early")
    assert said.out == "42 came\n"
