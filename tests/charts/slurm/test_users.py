"""Users come and go by `helm upgrade`; pods do not restart."""

import dataclasses

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.test_controller import pod_uids

pytestmark = pytest.mark.e2e


def test_a_user_added_can_log_in_and_run_and_one_removed_cannot(cluster: Cluster) -> None:
    before = pod_uids(cluster)
    grace = cluster.accounts["grace"]
    new = dataclasses.replace(grace, name="hopper", uid=20007)
    cluster.accounts["hopper"] = new
    users = {name: account.values for name, account in cluster.accounts.items() if name != "grace"}
    cluster.install(users=users)
    cluster.wait(
        "hopper runs", lambda: "20007" in cluster.ssh("hopper", "srun id -u", check=False).out, timeout=120
    )
    assert cluster.ssh("hopper", "stat -c '%u %a' .").out.split() == ["20007", "700"]
    cluster.wait("grace is gone", lambda: cluster.ssh("grace", "true", check=False).code == 255, timeout=120)
    assert pod_uids(cluster) == before
    cluster.wait("hopper has an account", lambda: "hopper" in cluster.admin("sacctmgr -n -P list user").out)
    cluster.install(users={**users, "grace": grace.values})
