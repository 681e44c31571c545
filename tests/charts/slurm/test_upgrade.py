"""From the chart of the commit before to this one, with jobs running and waiting: every pod starts again, no job is lost."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.test_controller import pod_uids
from tests.cluster.paths import ROOT

# Long: every pod of the release starts twice.
pytestmark = [pytest.mark.e2e, pytest.mark.full]

# What makes every pod of the release start again.
MARK = {"extraEnv": [{"name": "BEFORE", "value": "the upgrade"}]}
COMPONENTS = ("controller", "accounting", "database", "frontend", "restapi", "workerDefaults")


def chart_of_the_commit_before(folder: Path) -> Path:
    """The chart as the last but one commit that changed it has it."""
    log = ["git", "log", "-2", "--format=%H", "--", "charts/slurm"]
    commits = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    archive = ["git", "archive", commits[-1], "charts/slurm"]
    packed = subprocess.run(archive, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as found:
        found.extractall(folder, filter="data")
    return folder / "charts" / "slurm"


def test_an_upgrade_from_the_chart_of_the_commit_before_loses_no_job(
    cluster: Cluster, tmp_path: Path
) -> None:
    marked = {name: {**cluster.values.get(name, {}), **MARK} for name in COMPONENTS}
    old = chart_of_the_commit_before(tmp_path)
    cluster.namespace.install(cluster.release, old, values={**cluster.values, **marked})
    cluster.close()
    cluster.wait_nodes(2)
    before = pod_uids(cluster)
    array = cluster.submit("sleep 4", "--array=0-7", "--mem=100")
    cluster.wait("it runs", lambda: "RUNNING" in cluster.states(array))
    after = cluster.submit("true", f"--dependency=afterok:{array}", "--mem=100")
    cluster.install()
    cluster.close()
    assert not set(pod_uids(cluster).values()) & set(before.values())
    cluster.wait_states(after, {"COMPLETED"}, timeout=300)
    cluster.wait("all accounted", lambda: cluster.accounted(array) == ["COMPLETED"] * 8)
    cluster.wait_nodes(2)
