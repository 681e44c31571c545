"""The MPI check of `helm test`, sourced and run with fake Slurm commands on the PATH: how many ranks it asks for, and where."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cluster.paths import ROOT

SCRIPT = ROOT / "charts" / "slurm" / "files" / "helm-test.sh"
# State, CPUs and name of each node, as `sinfo -N` prints them; of `-o %P` the default has a star.
SINFO = """
case "$*" in
  *%P*) printf 'debug\\nmain*\\n' ;;
  *completing*) ;;
  *"-p main"*) printf '%s' "$NODES" ;;
esac
"""
# Each rank's line; without -N all are on one node.
SRUN = """
echo "$*" >"$CALLED"
nodes=1
while (($#)); do
  case $1 in -N) nodes=$2 ;; -n) ranks=$2 ;; esac
  shift
done
for ((rank = 0; rank < ranks; rank++)); do echo "${WORLD:-$ranks} worker-$((rank % ${HOSTS:-nodes}))"; done
"""


def check(
    folder: Path, nodes: list[str], *, tasks: int = 2, broken: dict[str, str] | None = None
) -> tuple[str, str]:
    """The check's row, and what srun was asked for."""
    for name, body in (("sinfo", SINFO), ("srun", SRUN)):
        (folder / name).write_text(f"#!/bin/bash\n{body}")
        (folder / name).chmod(0o755)
    called = folder / "called"
    called.touch()
    done = subprocess.run(
        ["bash", "-c", f"source {SCRIPT}; check mpi mpi_world_is_whole"],
        env={
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "NODES": "".join(f"{line}\n" for line in nodes),
            "CALLED": str(called),
            "MPI_TASKS": str(tasks),
            **(broken or {}),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), called.read_text().split(" /opt")[0]


@pytest.mark.parametrize(
    ("nodes", "tasks", "asked", "row"),
    [
        (["idle 4 a", "idle 4 b"], 2, "-N 2 -n 2", "ranks=2 nodes=2"),
        (["idle 1 a", "idle 1 b", "idle 1 c"], 2, "-N 2 -n 2", "ranks=2 nodes=2"),
        (["idle 4 a", "mix 4 b", "down* 4 c", "idle* 4 d"], 3, "-N 1 -n 3", "ranks=3 nodes=1"),
    ],
    ids=["large nodes", "more nodes than ranks", "one idle node"],
)
def test_ranks_are_spread_over_idle_nodes(
    tmp_path: Path, nodes: list[str], tasks: int, asked: str, row: str
) -> None:
    said, called = check(tmp_path, nodes, tasks=tasks)
    assert called.endswith(asked)
    assert said == f"mpi\tok\t{row}"


def test_no_more_ranks_are_asked_for_than_there_are_cpus_and_the_row_says_so(tmp_path: Path) -> None:
    said, called = check(tmp_path, ["idle 1 a"])
    assert called.endswith("-N 1 -n 1")
    assert said == "mpi\tok\tranks=1 nodes=1 (of test.mpiTasks=2: no more CPUs are free)"


def test_slurm_chooses_the_nodes_where_none_is_idle(tmp_path: Path) -> None:
    said, called = check(tmp_path, ["mix 4 a", "alloc 4 b"])
    assert called == "-t 2 -n 2"
    assert said.startswith("mpi\tok\tranks=2 ")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"WORLD": "1"}, "1 worker-0"), ({"HOSTS": "1"}, "ranks=2 nodes=1, not on the 2 that were idle")],
    ids=["worlds of one", "one node"],
)
def test_a_broken_world_or_ranks_on_one_node_fail(tmp_path: Path, wrong: dict[str, str], says: str) -> None:
    said, _ = check(tmp_path, ["idle 4 a", "idle 4 b"], broken=wrong)
    assert said.startswith("mpi\tFAILED\t")
    assert says in said


def test_no_node_at_all_fails_with_words(tmp_path: Path) -> None:
    said, called = check(tmp_path, ["down* 4 a"])
    assert (said, called) == ("mpi\tFAILED\tno node of the default partition is up", "")
