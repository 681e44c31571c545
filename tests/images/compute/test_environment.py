"""What runs in a notebook runs in a job: one Python environment, and OpenMPI that works in a bare container."""

import pytest

from tests.images.test_contents import docker, have
from tests.kube import image

pytestmark = pytest.mark.e2e

IMPORTS = "import mpi4py.MPI, numpy, pandas, matplotlib, ipyparallel, ipykernel, sweep_client"
WORLD = "from mpi4py import MPI; w = MPI.COMM_WORLD; print(w.allreduce(w.rank + 1), w.size)"


def compute(*command: str) -> str:
    """Output of a command run as a user on a read-only root, as pods do."""
    have("compute")
    options = ["--network=none", "--read-only", "--tmpfs=/tmp", "--env=HOME=/tmp", "--user=20001:20001"]
    return docker("run", "--rm", *options, image("compute"), *command)


def test_the_environment_has_what_the_page_says() -> None:
    assert compute("python", "-c", f"{IMPORTS}; print('all')").strip() == "all"


def test_mpirun_makes_a_world_of_all_its_processes() -> None:
    said = compute("mpirun", "--oversubscribe", "-n", "2", "python", "-c", WORLD)
    # mpirun may put a zero byte before the first line.
    assert said.replace("\0", "").splitlines() == ["3 2", "3 2"]
