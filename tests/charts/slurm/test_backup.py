"""What the how-to page backs up, it brings back: queued jobs and what accounting knew."""

from pathlib import Path

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.docs.documented import follow

pytestmark = pytest.mark.e2e

PAGE = "back-up-slurm"
QUEUED = "to-be-restored"


def test_a_restore_brings_back_queued_jobs_and_accounting_as_they_were(
    cluster: Cluster, tmp_path: Path
) -> None:
    done = cluster.submit("true", "--mem=100")
    cluster.wait("accounted", lambda: cluster.accounted(done) == ["COMPLETED"])
    queued = cluster.submit("true", "--hold", "--mem=100", f"--job-name={QUEUED}")
    cluster.wait("known", lambda: cluster.accounted(queued) == ["PENDING"])
    # slurmctld writes its state down some seconds after a change.
    written = f"grep -q {QUEUED} /var/lib/slurm/state/job_state"
    cluster.wait("written down", lambda: cluster.admin(written, check=False).code == 0)
    follow(PAGE, "Back up", cluster.namespace, tmp_path)
    cluster.admin(f"scancel {queued}")
    later = cluster.submit("true", "--mem=100")
    cluster.wait("accounted", lambda: cluster.accounted(later) == ["COMPLETED"])
    follow(PAGE, "Restore", cluster.namespace, tmp_path)
    cluster.wait("it waits again", lambda: cluster.states(queued) == ["PENDING"])
    cluster.namespace.wait_ready("statefulset/hpc-accounting")
    assert cluster.accounted(done) == ["COMPLETED"]
    assert cluster.accounted(later) == []
    cluster.wait_nodes(2)
    cluster.admin(f"scontrol release {queued}")
    cluster.wait("it ran", lambda: cluster.accounted(queued) == ["COMPLETED"])
