"""values/classroom.yaml as a teacher uses it: thirty users from a Secret, of whom the first and the last log in and compute."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.charts.jupyter.conftest import HASHES, PASSWORDS
from tests.charts.jupyter.site import RELEASE, Site
from tests.charts.slurm.conftest import WORKERS
from tests.cluster.paths import ROOT
from tests.conftest import MakeNamespace
from tests.kube import is_local

# Six workers and two daemons of each kind: most of a small machine.
pytestmark = [pytest.mark.e2e, pytest.mark.full]

STUDENTS = [f"student{number:02}" for number in range(1, 31)]


@pytest.fixture
def classroom(make_namespace: MakeNamespace, tmp_path: Path) -> Iterator[Site]:
    """The file with what its head asks for, on the test cluster's class of volumes and its few CPUs."""
    namespace = make_namespace("classroom")
    users = {
        name: {"uid": 20101 + number, "passwordHash": HASHES["ada"]} for number, name in enumerate(STUDENTS)
    }
    (tmp_path / "users.yaml").write_text(yaml.safe_dump(users))
    (tmp_path / "groups.yaml").write_text("{}\n")
    files = [f"--from-file={name}={tmp_path}/{name}.yaml" for name in ("users", "groups")]
    namespace.kubectl("create", "secret", "generic", "class", *files)
    made = Site(namespace, yaml.safe_load((ROOT / "values" / "classroom.yaml").read_text()))
    given = made.values
    given["global"]["home"]["storageClass"] = "shared"
    given["slurm"]["workerDefaults"] |= {name: WORKERS[name] for name in ("cpuRequest", "memoryRequest")}
    given["jupyter"]["ingress"] = {"enabled": is_local(), "host": made.host}
    namespace.install(RELEASE, "charts/hpc", values=given, wait_seconds=900)
    yield made
    made.close()


def test_thirty_users_share_six_workers_fairly(classroom: Site) -> None:
    for name in (STUDENTS[0], STUDENTS[-1]):
        with classroom.user(name, PASSWORDS["ada"]) as student:
            student.start()
            with student.kernel() as kernel:
                assert kernel.run("!id -un") == name
                assert kernel.run("!sinfo -h -o '%D %T'") == "6 idle"
                assert kernel.run("!sbatch --wait -N2 -o out.txt --wrap 'srun id -un'").startswith(
                    "Submitted"
                )
                assert kernel.run("print(open('out.txt').read().split())") == f"['{name}', '{name}']"
                # A fifth CPU of one user waits for his others.
                kernel.run("!sbatch --array=0-4 -c1 -o /dev/null --wrap 'sleep 600'")
                classroom.namespace.wait_for(
                    "four of them run", lambda: kernel.run("!squeue --me -h -r -t R -o %i").count("_") == 4
                )
                assert "QOSMaxCpuPerUserLimit" in kernel.run("!squeue --me -h -t PD -o %r")
                kernel.run("!scancel --me")
            student.stop()
